"""The sources as one looks after them: what came, what became of it, since when it is quiet, how imports go."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.utils import OperationalError

from cdp.alerts.models import Alert
from cdp.connectors.models import Run
from cdp.console.figures import remembered
from cdp.events.reads import OUTCOMES
from cdp.sources.models import Source

_RECENT = 2_000  # the latest events by id, which is by time of processing: read backwards from an index
_PATIENCE = 40  # milliseconds that a look for one source's last event may take

_TALLIES = """
SELECT source_id, outcome, sum(n)::bigint FROM events_tally GROUP BY 1, 2
UNION ALL SELECT source_id, 'pending', count(*) FROM (SELECT source_id FROM events_inbox LIMIT 20000) AS t GROUP BY 1
"""
_LATEST = """
SELECT source_id, max(received_at) FROM
  (SELECT source_id, received_at FROM events_event ORDER BY id DESC LIMIT %s) AS t GROUP BY 1
"""
_LAST = "SELECT received_at FROM events_event WHERE source_id = %s ORDER BY id DESC LIMIT 1"


@dataclass(slots=True)
class Stream:
    """One source. `counts`: accepted, the outcomes, pending. `last`: its last event received, where that is known."""

    source: Source
    counts: dict[str, int] = field(default_factory=dict)
    last: datetime | None = None
    quiet: bool = False
    runs: list[Run] = field(default_factory=list)

    @property
    def running(self) -> Run | None:
        """The import that goes on now."""
        return next((run for run in self.runs if run.state == Run.State.RUNNING), None)

    @property
    def balanced(self) -> bool:
        """accepted = stored + duplicates + rejected + suppressed + denied + pending."""
        return self.counts["accepted"] == sum(n for name, n in self.counts.items() if name != "accepted")


def streams(sources: Collection[Source]) -> list[Stream]:
    """These sources, those with most events first. A handful of queries, none over the whole event store."""
    found = {source.id: Stream(source, dict.fromkeys(("accepted", *OUTCOMES, "pending"), 0)) for source in sources}
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES)
        for source_id, outcome, n in cursor.fetchall():
            if source_id in found:
                found[source_id].counts[outcome] = n
    for run in Run.objects.filter(source_id__in=found).order_by("-started_at")[:200]:
        found[run.source_id].runs.append(run)
    # A source that is imported was last heard of when its last run moved: no need to search for its events.
    active = tuple(id for id, stream in found.items() if stream.counts["stored"] and not stream.runs)
    last = remembered(f"last:{hash(frozenset(active))}", 30.0, lambda: last_events(active))
    quiet = set(Alert.objects.all().open().filter(kind="source_quiet").values_list("about", flat=True))
    for stream in found.values():
        heard = [run.heartbeat_at for run in stream.runs] + [last[id] for id in (stream.source.id,) if id in last]
        stream.last = max(heard, default=None)
        stream.quiet = str(stream.source.id) in quiet
    return sorted(found.values(), key=lambda stream: (-stream.counts["accepted"], stream.source.name))


def last_events(source_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When each source's last event was received. One that has been quiet for long in a busy house may be absent."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [_RECENT])
        found: dict[UUID, datetime] = dict(cursor.fetchall())
    for source_id in set(source_ids) - found.keys():
        last = _last(source_id)
        if last:
            found[source_id] = last
    return found


def _last(source_id: UUID) -> datetime | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {_PATIENCE}")
            cursor.execute(_LAST, [source_id])
            row = cursor.fetchone()
            cursor.execute("RESET statement_timeout")
            return row[0] if row else None
    except OperationalError:  # it took too long: nobody waits for that on a page of figures
        return None
