"""What changed, what happened, what must be told onward: queues in the caller's transaction, drained by the worker's loops."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from cdp.database.together import Statement, execute, together

CHANNEL = "cdp_changed"
# A profile's own golden record, identifiers or consents moved: its events are the same as before, unless its records are not.
WITHOUT_EVENTS = frozenset({"identity", "consent"})

_CHANGED = "INSERT INTO outbox_change (profile_id, reason) SELECT unnest(%s::uuid[]), %s"
_SPOKEN: Statement = (f"SELECT pg_notify('{CHANNEL}', '')", [])
_HAPPENED = """
INSERT INTO outbox_happening (record_id, event, occurred, facts, at)
SELECT t.*, coalesce(%s, now()) FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[]) AS t
"""
# The arrays make the inner selects initial plans: with `id IN (SELECT ...)` the planner may scan the whole queue.
_DRAIN_CHANGES = """
DELETE FROM outbox_change WHERE id = ANY (ARRAY(SELECT id FROM outbox_change ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id, profile_id, reason, at
"""
_DRAIN_HAPPENINGS = """
DELETE FROM outbox_happening WHERE id = ANY (ARRAY(
    SELECT id FROM outbox_happening ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING record_id, event, occurred, facts, id, at
"""
_TELL = """
INSERT INTO outbox_message (topic, key, payload)
SELECT %s, * FROM unnest(%s::uuid[], %s::jsonb[])
"""


class Happened(NamedTuple):
    """A stored event: whose record, the digest of its name, when (microseconds since 1970-01-01 UTC), its facts as JSON.
    `id`: its place in the queue."""

    record_id: UUID
    event: UUID
    occurred: int
    facts: str
    id: int = 0


def changed(profile_ids: Iterable[UUID], *, reason: str) -> None:
    """Says that what is derived of these profiles may have moved. In the caller's transaction.

    Who listens on the channel `cdp_changed` hears of it at commit."""
    ids = list(dict.fromkeys(profile_ids))
    if not ids:
        return
    together((_CHANGED, [ids, reason]), _SPOKEN)


def happened(events: Sequence[Happened], *, since: datetime | None = None) -> None:
    """Says that events were stored, in the transaction that stores them. `since` is when the first of them was accepted,
    for the measure of delay."""
    if not events:
        return
    records, names, times, facts, _ = zip(*events, strict=True)
    together((_HAPPENED, [since, list(records), list(names), list(times), list(facts)]), _SPOKEN)


@dataclass(slots=True)
class Drained:
    """What was taken off the queues. `profiles`: each once, in order, with all reasons; `events`: in order. `taken`: how
    many rows that were; `since`: how many of them were made (of events: accepted) when."""

    taken: int = 0
    profiles: dict[UUID, set[str]] = field(default_factory=dict)
    events: list[Happened] = field(default_factory=list)
    since: Counter[datetime] = field(default_factory=Counter)


def drain(limit: int) -> Drained:
    """Takes up to `limit` changes and as many happenings, the oldest first. In the caller's transaction.

    What another worker holds is skipped; a rollback puts it back."""
    changes, events = together((_DRAIN_CHANGES, [limit]), (_DRAIN_HAPPENINGS, [limit]))
    drained = Drained(taken=len(changes) + len(events))
    for _, profile, reason, at in sorted(changes):
        drained.profiles.setdefault(profile, set()).add(reason)
        drained.since[at] += 1
    drained.since.update(row[5] for row in events)
    drained.events = [Happened(*row[:5]) for row in sorted(events, key=lambda row: row[4])]
    return drained


def waits() -> bool:
    """Whether anything waits to be drained, or is being drained at this moment. Without a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM outbox_change) OR EXISTS (SELECT FROM outbox_happening)")
        return bool(cursor.fetchone()[0])


def tell(topic: str, messages: Iterable[tuple[UUID, Mapping[str, Any]]]) -> None:
    """Queues messages (key, payload) for destinations, in the caller's transaction. Never a personal value."""
    rows = list(messages)
    if not rows:
        return
    keys, payloads = [key for key, _ in rows], [json.dumps(payload) for _, payload in rows]
    execute(_TELL, [topic, keys, payloads])
