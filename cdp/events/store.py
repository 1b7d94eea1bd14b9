"""The event store, counts and rejections: what the pipeline writes, all in the caller's transaction."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import orjson
import psycopg
from django.conf import settings
from django.db import connection

from cdp.database.together import driver, execute
from cdp.events import binary, residue
from cdp.ids import uuid7
from cdp.vault import keys, sealed
from cdp.vault.aad import aad

if TYPE_CHECKING:
    from cdp.events.claim import Claimed

_COLUMNS = 10
_FIXED = struct.Struct(">hi16si16si16sih")  # columns, id, record, source, type
_TIMES = struct.Struct(">i16siqiq")  # message, occurred, received
_LENGTH = struct.Struct(">i")
_COPY = """COPY events_event (id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed)
FROM STDIN (FORMAT BINARY)"""
_SETTLE = """
INSERT INTO events_tally (source_id, outcome, slot, n)
SELECT source_id, outcome, %s::smallint, n FROM unnest(%s::uuid[], %s::text[], %s::bigint[]) AS t (source_id, outcome, n)
WHERE n > 0 ORDER BY source_id, outcome
ON CONFLICT (source_id, outcome, slot) DO UPDATE SET n = events_tally.n + excluded.n
"""
_REJECT = """
INSERT INTO events_rejection (id, source_id, reason, field, sealed, at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event of a record. `facts` may stand in clear; `sealed` is the rest of it, sealed here under the record's key."""

    id: UUID
    record_id: UUID
    source_id: UUID
    type: int
    name: UUID | None
    message: UUID
    occurred_at: datetime
    received_at: datetime
    facts: dict[str, Any] = {}
    sealed: dict[str, Any] = {}


def store(rows: Sequence[StoredEvent]) -> None:
    """Writes events by one COPY. Records without a key get one (committed in the vault first).

    In the caller's transaction; their months were made by `claim`, or are in the default partition."""
    if not rows:
        return
    records = {row.record_id for row in rows}
    found = keys.load(records)
    missing = sorted(records - found.keys())
    if missing:
        found = {**found, **keys.create(missing)}
    buffer = [binary.COPY_HEADER]
    for row in rows:
        buffer += _copied(row, found[row.record_id])
    buffer.append(binary.COPY_END)
    with connection.wrap_database_errors, psycopg.Cursor(driver()) as cursor, cursor.copy(_COPY) as copy:
        copy.write(b"".join(buffer))


def _copied(row: StoredEvent, key: keys.Key) -> tuple[bytes, ...]:
    """One row in COPY's binary format; jsonb is a version byte 1 and the text."""
    facts = b"\1" + as_json(row.facts)
    rest = sealed.seal(key, row.sealed, aad=aad("events_event", row.id, "sealed"))
    return (
        _FIXED.pack(_COLUMNS, 16, row.id.bytes, 16, row.record_id.bytes, 16, row.source_id.bytes, 2, row.type),
        binary.NULL if row.name is None else _LENGTH.pack(16) + row.name.bytes,
        _TIMES.pack(
            16, row.message.bytes, 8, binary.microseconds(row.occurred_at), 8, binary.microseconds(row.received_at)
        ),
        _LENGTH.pack(len(facts)),
        facts,
        _LENGTH.pack(len(rest)),
        rest,
    )


def as_json(facts: Mapping[str, Any]) -> bytes:
    """Facts as they are stored. JSON for jsonb, which has no NUL character: it becomes the replacement character."""
    text = orjson.dumps(facts)
    if b"\\u0000" in text:
        text = orjson.dumps(_without_nul(facts))
    return text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, Mapping):
        return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(inner) for inner in value]
    return value


def open_event(event_id: UUID, value: bytes, key: keys.Key) -> dict[str, Any]:
    """The sealed remainder of a stored event. Raises Unsealable."""
    return dict(sealed.unseal(key, value, aad=aad("events_event", event_id, "sealed")))


def settle(counts: Mapping[tuple[UUID, str], int], slot: int) -> None:
    """Adds to the counts of (source, outcome). Slots keep workers off each other's rows; rows are taken in order of
    their key, and last of all in a transaction."""
    if not counts:
        return
    pairs = sorted(counts)
    sources, outcomes = [source for source, _ in pairs], [outcome for _, outcome in pairs]
    execute(_SETTLE, [slot, sources, outcomes, [counts[pair] for pair in pairs]])


def set_aside(claimed: "Claimed", reason: str, field: str = "", *, at: datetime) -> UUID:
    """Keeps a claimed event as a rejection and returns its id. The caller counts it (`settle`, outcome `rejected`).

    A rejected event is not `seen`, so that a replay or a better version of it is not taken for a duplicate."""
    rejection_id = uuid7()
    payload = {"event": claimed.event, "received_at": claimed.received_at.isoformat()}
    keep_rejection(rejection_id, claimed.source_id, reason, payload, field=field, at=at)
    release([claimed.message])
    return rejection_id


def keep_rejection(
    rejection_id: UUID, source_id: UUID, reason: str, payload: Mapping[str, Any], *, at: datetime, field: str = ""
) -> None:
    """Seals and writes one rejection; it expires after RESIDUE_DAYS."""
    value = residue.seal(rejection_id, payload)
    expires = at + timedelta(days=settings.RESIDUE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_REJECT, [rejection_id, source_id, reason, field[:60], value, at, expires])


def release(messages: Iterable[UUID]) -> None:
    """Forgets that these messages were seen: a message is remembered for as long as its event is kept, no longer."""
    digests = sorted(set(messages))
    if digests:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM events_seen WHERE digest = ANY(%s)", [digests])
