"""What changed, and what must be told onward: two queues in the caller's transaction, drained by the worker's loops."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

CHANNEL = "cdp_changed"

_CHANGED = "INSERT INTO outbox_change (profile_id, reason) SELECT unnest(%s::uuid[]), %s"
_DRAIN = """
WITH taken AS (
    DELETE FROM outbox_change WHERE id = ANY (ARRAY(
        SELECT id FROM outbox_change ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING id, profile_id)
SELECT profile_id FROM taken GROUP BY profile_id ORDER BY min(id)
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


def drain(limit: int) -> list[UUID]:
    """Takes up to `limit` changes, the oldest first: their profiles, each once. In the caller's transaction.

    Changes that another worker holds are skipped; a rollback puts them back."""
    with connection.cursor() as cursor:
        cursor.execute(_DRAIN, [limit])
        return [row[0] for row in cursor.fetchall()]


def tell(topic: str, messages: Iterable[tuple[UUID, Mapping[str, Any]]]) -> None:
    """Queues messages (key, payload) for destinations, in the caller's transaction. Never a personal value."""
    rows = list(messages)
    if not rows:
        return
    keys, payloads = [key for key, _ in rows], [json.dumps(payload) for _, payload in rows]
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [topic, keys, payloads])
