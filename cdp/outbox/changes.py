"""What changed, and what must be told onward: two queues in the caller's transaction, drained by the worker's loops."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

CHANNEL = "cdp_changed"

_CHANGED = "INSERT INTO outbox_change (profile_id, reason) SELECT unnest(%s::uuid[]), %s"
_HAPPENED = """
INSERT INTO outbox_change (record_id, event, reason)
SELECT DISTINCT record_id, event, 'event' FROM unnest(%s::uuid[], %s::uuid[]) AS t (record_id, event)
"""
_DRAIN = """
WITH oldest AS MATERIALIZED (
    SELECT id, profile_id, record_id FROM outbox_change ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM outbox_change WHERE id = ANY (ARRAY(
        SELECT id FROM oldest
        UNION ALL
        SELECT c.id FROM (
            SELECT id FROM outbox_change
            WHERE profile_id IN (SELECT profile_id FROM oldest) OR record_id IN (SELECT record_id FROM oldest)
            FOR UPDATE SKIP LOCKED) c))
    RETURNING id, profile_id, record_id, event)
SELECT profile_id, record_id, event FROM taken ORDER BY id
"""
_TELL = """
INSERT INTO outbox_message (topic, key, payload)
SELECT %s, * FROM unnest(%s::uuid[], %s::jsonb[])
"""


def changed(profile_ids: Iterable[UUID], *, reason: str) -> None:
    """Says that what is derived of these profiles may have moved. In the caller's transaction.

    Who listens on the channel `cdp_changed` hears of it at commit."""
    ids = list(dict.fromkeys(profile_ids))
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [ids, reason])
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def happened(events: Iterable[tuple[UUID, UUID | None]]) -> None:
    """Says that events were stored: (record id, digest of the event's name). In the caller's transaction."""
    rows = list(events)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_HAPPENED, [[record for record, _ in rows], [event for _, event in rows]])
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


@dataclass(slots=True)
class Drained:
    """What was taken off the queue. `events`: record id -> digests of names. `taken`: how many changes that were."""

    taken: int = 0
    profiles: list[UUID] = field(default_factory=list)
    events: dict[UUID, set[UUID]] = field(default_factory=dict)


def drain(limit: int) -> Drained:
    """Takes up to `limit` changes, the oldest first, and with them all that wait of the same profiles and records, so that
    nobody is evaluated twice; each profile and record once. In the caller's transaction.

    Changes that another worker holds are skipped; a rollback puts them back."""
    with connection.cursor() as cursor:
        cursor.execute(_DRAIN, [limit])
        rows = cursor.fetchall()
    drained = Drained(taken=len(rows), profiles=list(dict.fromkeys(profile for profile, _, _ in rows if profile)))
    for _, record, event in rows:
        if record:
            names = drained.events.setdefault(record, set())
            names.update([event] if event else [])
    return drained


def tell(topic: str, messages: Iterable[tuple[UUID, Mapping[str, Any]]]) -> None:
    """Queues messages (key, payload) for destinations, in the caller's transaction. Never a personal value."""
    rows = list(messages)
    if not rows:
        return
    keys, payloads = [key for key, _ in rows], [json.dumps(payload) for _, payload in rows]
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [topic, keys, payloads])
