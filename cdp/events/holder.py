"""This room's share of a person: stored events; and what is left behind by events that were never stored."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.events.models import Inbox, Rejection
from cdp.events.reads import timeline
from cdp.vault import keys
from cdp.vault.models import SystemKey

_PAGE = 500
_PREFIX = "inbox:"
_ERASE = """
WITH gone AS (DELETE FROM events_event WHERE record_id = ANY(%s) RETURNING message),
     forgotten AS (DELETE FROM events_seen WHERE digest IN (SELECT message FROM gone))
SELECT count(*) FROM gone
"""


class Events:
    """Holder of events, inbox and rejections.

    What waits in the inbox is judged by the pipeline within a second (suppression outlives erasure). Rejections name
    nobody in clear, so they cannot be found by record: they are sealed and expire."""

    name = "events"
    models = ("events.event", "events.inbox", "events.rejection", "events.seen")

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many stored events are about these records."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events_event WHERE record_id = ANY(%s)", [list(record_ids)])
            return int(cursor.fetchone()[0])

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """The stored events, opened, latest first."""
        records, before = list(record_ids), None
        while page := timeline(records, before, _PAGE):
            for event in page:
                yield {
                    "id": str(event.id),
                    "source": str(event.source_id),
                    "type": event.type,
                    "occurred_at": event.occurred_at.isoformat(),
                    "received_at": event.received_at.isoformat(),
                    "facts": event.facts,
                    "sealed": event.sealed,
                }
            before = (page[-1].occurred_at, page[-1].id)

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes the stored events and the memory of their messages."""
        with connection.cursor() as cursor:
            cursor.execute(_ERASE, [list(record_ids)])
            return int(cursor.fetchone()[0])

    def purge(self, now: datetime) -> int:
        """Deletes expired rejections, and the keys of past inbox days that are empty."""
        return Rejection.objects.filter(expires_at__lte=now).delete()[0] + sweep_inbox_keys(now)


def sweep_inbox_keys(now: datetime) -> int:
    """Destroys the inbox keys of past days (UTC) of which no row is left; returns how many.

    Not within the first hour of a day: what arrived just before midnight may still be on its way into the inbox."""
    today = (now - timedelta(hours=1)).astimezone(UTC).date()
    destroyed = 0
    for name in SystemKey.objects.filter(name__startswith=_PREFIX).values_list("name", flat=True).distinct():
        day = date.fromisoformat(name.removeprefix(_PREFIX))
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if day >= today:
            continue
        if not Inbox.objects.filter(received_at__gte=begins, received_at__lt=begins + timedelta(days=1)).exists():
            keys.destroy_system(name)
            destroyed += 1
    return destroyed
