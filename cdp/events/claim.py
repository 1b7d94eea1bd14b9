"""Taking accepted events out of the inbox, many workers at once, none waiting for another."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from cdp.database.together import together
from cdp.events import months, store
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad
from cdp.vault.keys import Key, Unsealable

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_unpack = msgspec.msgpack.Decoder(tuple[int, dict[str, Any]]).decode
_UNREADABLE = (Unsealable, msgspec.DecodeError, msgspec.ValidationError)
UNREADABLE_SLOT = 999  # nobody else's: these are counted at the start of a batch, all others at its end

# The arrays make the inner select an initial plan: with `id IN (SELECT ...)` the planner may scan the whole inbox.
_CLAIM = """
DELETE FROM events_inbox WHERE id = ANY (ARRAY(
  SELECT id FROM events_inbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id, source_id, message, received_at, sealed
"""
_CLAIM_THESE = """
DELETE FROM events_inbox WHERE id = ANY (ARRAY(
  SELECT id FROM events_inbox WHERE id = ANY (%s) ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id, source_id, message, received_at, sealed
"""
_PEEK = """
SELECT id, source_id, message, received_at, sealed FROM (SELECT * FROM events_inbox ORDER BY id DESC LIMIT %s) AS latest
WHERE source_id = ANY(%s) AND (%s::bigint IS NULL OR id = %s) ORDER BY id DESC LIMIT %s
"""
_PEEKED = 5_000  # of the inbox, looked through for some sources' rows
_WAITING = "SELECT id FROM events_inbox ORDER BY id LIMIT %s FOR SHARE SKIP LOCKED"


class Claimed(msgspec.Struct, frozen=True):
    """An accepted event, opened. `event` is as on the wire with what the batch said merged in; `occurred_at` is by our
    clock (timestamp + received_at - sentAt)."""

    id: int
    source_id: UUID
    message: UUID
    received_at: datetime
    occurred_at: datetime
    event: dict[str, Any]


class _Row(msgspec.Struct, frozen=True, gc=False):
    id: int
    source_id: UUID
    message: UUID
    received_at: datetime
    sealed: bytes


def claim(limit: int, *, ids: Sequence[int] | None = None) -> list[Claimed]:
    """Takes up to `limit` events out of the inbox, oldest first, in the caller's transaction: if that rolls back, they are
    back. Rows that another worker holds are skipped. With `ids`, only these.

    Call it first in the transaction (it may have partitions made through a connection of its own). What cannot be opened
    is set aside as `unreadable` and counted here."""
    (found,) = together((_CLAIM, [limit]) if ids is None else (_CLAIM_THESE, [list(ids), limit]))
    rows = [_Row(*row) for row in found]
    rows.sort(key=lambda row: row.id)
    return _opened(rows)


def waiting(limit: int) -> list[int]:
    """The ids of the oldest events in the inbox that no worker holds at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [limit])
        return [row[0] for row in cursor.fetchall()]


def peek(source_ids: Collection[UUID], limit: int, *, id: int | None = None) -> list[Claimed]:
    """The latest events of these sources that wait, opened, newest first; or the one with this id. They stay where they
    are, and no worker is kept waiting. What cannot be opened is left out: the pipeline will say so of it."""
    with connection.cursor() as cursor:
        cursor.execute(_PEEK, [_PEEKED, list(source_ids), id, id, limit])
        rows = [_Row(id, source, message, at, bytes(sealed)) for id, source, message, at, sealed in cursor.fetchall()]
    found: list[Claimed] = []
    for row in rows:
        with suppress(*_UNREADABLE):
            found.append(_open(keys.inbox(row.received_at.astimezone(UTC).date()), row))
    return found


def _opened(rows: Sequence[_Row]) -> list[Claimed]:
    claimed: list[Claimed] = []
    unreadable: list[_Row] = []
    days: dict[date, Key] = {}
    for row in rows:
        day = row.received_at.astimezone(UTC).date()
        try:
            key = days.get(day) or days.setdefault(day, keys.inbox(day))
            claimed.append(_open(key, row))
        except _UNREADABLE:
            unreadable.append(row)
    if unreadable:
        _set_aside(unreadable)
    months.ensure({event.occurred_at for event in claimed})
    return claimed


def _open(key: Key, row: _Row) -> Claimed:
    microseconds, event = _unpack(key.open(row.sealed, aad=aad("events_inbox", row.message, "sealed")))
    occurred_at = _EPOCH + timedelta(microseconds=microseconds)
    return Claimed(row.id, row.source_id, row.message, row.received_at, occurred_at, event)


def _set_aside(rows: Sequence[_Row]) -> None:
    """Keeps the bytes as they are: should the key come back (a restored vault), they can be opened and replayed."""
    for row in rows:
        rejection_id = uuid7()
        payload = {"inbox": row.sealed, "message": row.message.hex, "received_at": row.received_at.isoformat()}
        store.keep_rejection(rejection_id, row.source_id, "unreadable", payload, at=row.received_at)
    store.release([row.message for row in rows])
    counts: dict[tuple[UUID, str], int] = {}
    for row in rows:
        counts[row.source_id, "rejected"] = counts.get((row.source_id, "rejected"), 0) + 1
    store.settle(counts, slot=UNREADABLE_SLOT)
