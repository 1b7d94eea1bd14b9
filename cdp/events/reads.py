"""What is known of events: counts that must add up, and a record's timeline."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from cdp.events.models import Event
from cdp.events.store import open_event
from cdp.vault import keys

OUTCOMES = ("stored", "duplicates", "rejected", "suppressed", "denied")

# One statement is one snapshot: what is counted as accepted and what still waits belong to the same moment.
_RECONCILIATION = """
SELECT outcome, sum(n)::bigint FROM events_tally WHERE source_id = %s GROUP BY outcome
UNION ALL SELECT 'pending', count(*) FROM events_inbox WHERE source_id = %s
"""
_CHECK = """
SELECT source_id, sum(CASE outcome WHEN 'accepted' THEN n ELSE -n END)::bigint FROM (
  SELECT source_id, outcome, n FROM events_tally
  UNION ALL SELECT source_id, 'pending', count(*) FROM events_inbox GROUP BY source_id
) AS counts GROUP BY source_id HAVING sum(CASE outcome WHEN 'accepted' THEN n ELSE -n END) <> 0
"""
_TIMELINE = """
SELECT id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed FROM events_event
WHERE record_id = ANY(%s) AND (%s::timestamptz IS NULL OR (occurred_at, id) < (%s::timestamptz, %s::uuid))
ORDER BY occurred_at DESC, id DESC LIMIT %s
"""


def reconciliation(source_id: UUID) -> dict[str, int]:
    """`accepted = stored + duplicates + rejected + suppressed + denied + pending`, in exact whole numbers."""
    with connection.cursor() as cursor:
        cursor.execute(_RECONCILIATION, [source_id, source_id])
        found = dict(cursor.fetchall())
    return {outcome: int(found.get(outcome, 0)) for outcome in ("accepted", *OUTCOMES, "pending")}


def check() -> dict[UUID, int]:
    """The sources whose counts do not add up, with what is accepted but not accounted for. Empty: all is well."""
    with connection.cursor() as cursor:
        cursor.execute(_CHECK)
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """A stored event, opened: `facts` as in clear, `sealed` the opened remainder (empty when its key is destroyed)."""

    id: UUID
    record_id: UUID
    source_id: UUID
    type: str
    name: UUID | None
    message: UUID
    occurred_at: datetime
    received_at: datetime
    facts: dict[str, Any]
    sealed: dict[str, Any]


def timeline(
    record_ids: Collection[UUID], before: datetime | tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[TimelineEvent]:
    """The events of these records, latest first; `before` is a time, or the (occurred_at, id) of the last one seen.

    Callers merge facts and remainder by the catalogue, mask and audit."""
    at, id = before if isinstance(before, tuple) else (before, UUID(int=0))
    with connection.cursor() as cursor:
        cursor.execute(_TIMELINE, [list(record_ids), at, at, id, limit])
        return opened_rows(cursor.fetchall())


def opened_rows(rows: Sequence[Sequence[Any]]) -> list[TimelineEvent]:
    """Rows of the event store (the columns in the order of TimelineEvent), opened with one load of their keys."""
    opened = keys.load({row[1] for row in rows})
    return [_opened(row, opened) for row in rows]


def _opened(row: Sequence[Any], opened: dict[UUID, keys.Key]) -> TimelineEvent:
    id, record_id, source_id, type, name, message, occurred_at, received_at, facts, value = row
    key = opened.get(record_id)
    rest = open_event(id, bytes(value), key) if key else {}
    facts = orjson.loads(facts) if isinstance(facts, str | bytes) else facts
    kind = Event.Type(type).label.lower()
    return TimelineEvent(id, record_id, source_id, kind, name, message, occurred_at, received_at, facts, rest)
