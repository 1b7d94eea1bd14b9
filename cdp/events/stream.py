"""What arrives and what becomes of it, for whoever watches: read from the tables that are there anyway.

Nothing is written for the watcher. Stored events and rejections have ids by time (UUIDv7), so the latest are read backwards
from their primary keys, and never more than `WINDOW` of them, however quiet the source that is looked for: no index by
source burdens every event that arrives.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import OperationalError, connection, transaction

from cdp.events import replay
from cdp.events.models import Event, Rejection
from cdp.events.reads import OUTCOMES, TimelineEvent, opened_rows
from cdp.vault import blind
from cdp.vault.keys import Unsealable

WINDOW = 20_000
_SEARCHED = 50_000  # events looked through for a message before its whole month is
_PATIENCE = 1_500  # milliseconds for a whole month
_SECONDS = 120
LAST = UUID(int=2**128 - 1)

_EVENT = "id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed"
# The inner select reads only the index and the narrow columns; the outer one fetches whole rows of those chosen.
_STORED = f"""
WITH latest AS MATERIALIZED (
  SELECT id, occurred_at, source_id, type, name FROM events_event WHERE id > %(after)s AND id < %(before)s
  ORDER BY id DESC LIMIT %(window)s
), chosen AS (
  SELECT id, occurred_at FROM latest WHERE source_id = ANY(%(sources)s)
    AND (%(type)s::smallint IS NULL OR type = %(type)s) AND (%(name)s::uuid IS NULL OR name = %(name)s)
  ORDER BY id DESC LIMIT %(limit)s
)
SELECT {", ".join(f"e.{it.strip()}" for it in _EVENT.split(","))}, read.n, read.oldest
FROM (SELECT count(*) AS n, (SELECT id FROM latest ORDER BY id LIMIT 1) AS oldest FROM latest) AS read
LEFT JOIN (chosen JOIN events_event e USING (id, occurred_at)) ON true ORDER BY e.id DESC
"""
_ONE = f"SELECT {_EVENT} FROM events_event WHERE id = %s AND source_id = ANY(%s)"
_COUNTS = """
SELECT source_id, outcome, sum(n)::bigint FROM events_tally WHERE source_id = ANY(%s) GROUP BY 1, 2
UNION ALL SELECT source_id, 'pending', count(*) FROM (SELECT source_id FROM events_inbox LIMIT 20000) AS t
WHERE source_id = ANY(%s) GROUP BY 1
"""
# A message is remembered for as long as its event is kept: neither waiting nor remembered means not kept. One statement is
# one snapshot, so that nothing is between the two.
_FATE = """
SELECT w.id, CASE WHEN i.id IS NOT NULL THEN 'pending' WHEN s.digest IS NOT NULL THEN 'stored' ELSE 'gone' END
FROM unnest(%s::bigint[], %s::uuid[]) AS w (id, message)
LEFT JOIN events_inbox i ON i.id = w.id LEFT JOIN events_seen s ON s.digest = w.message
"""
_BY_SECOND = """
SELECT date_trunc('second', received_at) AS second, count(*) FROM (
  SELECT source_id, received_at FROM events_event WHERE id > %s ORDER BY id DESC LIMIT %s) AS latest
WHERE source_id = ANY(%s) AND received_at > %s GROUP BY 1 ORDER BY 1
"""
_SEEN = "SELECT month FROM events_seen WHERE digest = ANY(%s)"
_WAITS = "SELECT id FROM events_inbox WHERE message = ANY(%s)"
_OF_MESSAGE = f"""
SELECT {_EVENT} FROM (SELECT {_EVENT} FROM events_event ORDER BY id DESC LIMIT {_SEARCHED}) AS latest
WHERE message = ANY(%s)
"""
_OF_MONTH = (
    f"SELECT {_EVENT} FROM events_event WHERE message = ANY(%s) AND occurred_at >= %s AND occurred_at < %s LIMIT 5"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A rejection, opened: `event` as it was offered (a dict, or bytes that could not be read as one), None when its key is
    gone."""

    id: UUID
    source_id: UUID
    reason: str
    field: str
    at: datetime
    replayed_at: datetime | None
    event: dict[str, Any] | bytes | None


@dataclass(frozen=True, slots=True)
class Found:
    """Where a message is: `waiting` inbox ids, stored events, rejections; `month` of a kept event that is too far back."""

    waiting: list[int] = field(default_factory=list)
    stored: list[TimelineEvent] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    month: Any = None


def first_id(at: datetime) -> UUID:
    """The least UUIDv7 of a moment: ids made later are greater."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def made_at(id: UUID) -> datetime:
    """When a UUIDv7 was made: for a stored event, when it was processed."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def stored(
    source_ids: Collection[UUID],
    limit: int,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    type: str = "",
    name: UUID | None = None,
) -> tuple[list[TimelineEvent], UUID | None]:
    """The latest stored events of these sources between two ids, opened, newest first; and the id before which to go on
    looking, None when there is nothing further."""
    # A merge is stored as an alias of more than two ids; whoever asks for one of the two sorts them out.
    kind = Event.Type["ALIAS" if type == "merge" else type.upper()].value if type else None
    sought: dict[str, Any] = {
        "after": after or UUID(int=0), "before": before or LAST, "window": WINDOW, "limit": limit,
        "sources": list(source_ids), "type": kind, "name": name,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_STORED, sought)
        rows = cursor.fetchall()
    read, oldest = rows[0][-2:]
    found = opened_rows([row[:-2] for row in rows if row[0] is not None])
    if len(found) == limit:
        return found, found[-1].id
    return found, oldest if read == WINDOW else None


def one(event_id: UUID, source_ids: Collection[UUID]) -> TimelineEvent | None:
    """One stored event of these sources, opened."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE, [event_id, list(source_ids)])
        return next(iter(opened_rows(cursor.fetchall())), None)


def refused(
    source_ids: Collection[UUID], limit: int, *, after: UUID | None = None, before: UUID | None = None
) -> list[Refused]:
    """The latest rejections of these sources between two ids, opened, newest first."""
    rows = Rejection.objects.filter(source_id__in=list(source_ids), id__gt=after or UUID(int=0), id__lt=before or LAST)
    return [_refused(row) for row in rows.order_by("-id")[:limit]]


def one_refused(rejection_id: UUID, source_ids: Collection[UUID]) -> Refused | None:
    """One rejection of these sources, opened."""
    row = Rejection.objects.filter(id=rejection_id, source_id__in=list(source_ids)).first()
    return _refused(row) if row else None


def _refused(row: Rejection) -> Refused:
    try:
        offered: Any = replay.opened(row)[0]
    except Unsealable:
        offered = None
    if isinstance(offered, bytes):
        try:
            parsed = msgspec.json.decode(offered)
        except (msgspec.DecodeError, RecursionError, ValueError):
            parsed = None
        offered = parsed if isinstance(parsed, dict) else offered
    event = offered if isinstance(offered, dict | bytes) else None
    return Refused(row.id, row.source_id, row.reason, row.field, row.at, row.replayed_at, event)


def counts(source_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """For each source what was accepted, each outcome and what waits, in whole numbers since the beginning."""
    found = {id: dict.fromkeys(("accepted", *OUTCOMES, "pending"), 0) for id in source_ids}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(source_ids), list(source_ids)])
        for source_id, outcome, n in cursor.fetchall():
            found[source_id][outcome] = n
    return found


def fates(watched: Mapping[int, UUID]) -> dict[int, str]:
    """What became of events that waited (inbox id -> message): "pending" still, "stored", or "gone": denied, suppressed or
    rejected, for a message is remembered only as long as its event is kept."""
    if not watched:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FATE, [list(watched), list(watched.values())])
        return dict(cursor.fetchall())


def by_second(source_ids: Collection[UUID], *, now: datetime) -> dict[datetime, int]:
    """Stored events by the second of their receipt in the last two minutes, of the latest ones only in a busy house."""
    since = now - timedelta(seconds=_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_BY_SECOND, [first_id(since), WINDOW, list(source_ids), since])
        return dict(cursor.fetchall())


def message_digests(source_ids: Sequence[UUID], message_id: str) -> list[UUID]:
    """The digests under which these sources' message of this id is known, in the order of the sources."""
    return blind.index_many("message", [f"{source_id.hex}\0{message_id}" for source_id in source_ids])


def find(source_ids: Sequence[UUID], message_id: str) -> Found:
    """Looks for a message of these sources: among what waits, the latest events (then, for a moment, its whole month), and
    the latest rejections."""
    digests = message_digests(source_ids, message_id)
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [digests])
        waiting = [row[0] for row in cursor.fetchall()]
        cursor.execute(_OF_MESSAGE, [digests])
        events = opened_rows(cursor.fetchall())
        cursor.execute(_SEEN, [digests])
        month = next((row[0] for row in cursor.fetchall()), None)
    latest = refused(source_ids, 1_000)
    same = [it for it in latest if isinstance(it.event, dict) and str(it.event.get("messageId", "")) == message_id]
    if month and not events and not waiting:
        events = _of_month(digests, month)
    return Found(waiting, events, same, None if events or waiting else month)


def _of_month(digests: list[UUID], month: Any) -> list[TimelineEvent]:
    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    following = (first + timedelta(days=32)).replace(day=1)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {_PATIENCE}")
            cursor.execute(_OF_MONTH, [digests, first, following])
            return opened_rows(cursor.fetchall())
    except OperationalError:  # too many events in that month to read them all while somebody waits
        return []
