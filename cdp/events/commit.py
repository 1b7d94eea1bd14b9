"""One group of accepted events, written in one transaction: dedupe, inbox, rejections, counts, wake-up.

All of it is a single statement, so that a group costs one round trip and one flush of the write-ahead log, however many
requests wait for it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor

from cdp.events import binary

CHANNEL = "cdp_inbox"

# The dependence of `tallied` on `queued` on `new` fixes the order in which locks are taken: digests in ascending order
# first (two processes with overlapping groups would deadlock otherwise), counts after, in order of their key.
_STATEMENT = f"""
WITH offered AS MATERIALIZED (
  SELECT * FROM unnest(%(digests)s, %(months)s, %(sources)s, %(received)s, %(sealed)s)
    WITH ORDINALITY AS o (digest, month, source_id, received_at, sealed, place)
), new AS (
  INSERT INTO events_seen (digest, month) SELECT digest, month FROM offered ORDER BY digest
  ON CONFLICT DO NOTHING RETURNING digest
), queued AS (
  INSERT INTO events_inbox (source_id, message, received_at, sealed, attempts)
  SELECT source_id, digest, received_at, sealed, 0 FROM offered JOIN new USING (digest) ORDER BY place
  RETURNING source_id
), refused AS (
  INSERT INTO events_rejection (id, source_id, reason, field, sealed, at, expires_at)
  SELECT id, source_id, reason, field, sealed, at, at + %(keep)s::int * interval '1 day'
  FROM unnest(%(r_ids)s, %(r_sources)s, %(r_reasons)s::text[], %(r_fields)s::text[], %(r_sealed)s, %(r_at)s)
    AS r (id, source_id, reason, field, sealed, at)
), counted AS (
  SELECT source_id, count(*) AS n FROM queued GROUP BY source_id
), tallied AS (
  INSERT INTO events_tally (source_id, outcome, slot, n)
  SELECT source_id, outcome, %(slot)s::smallint, amount FROM (
    SELECT t.source_id, o.outcome,
           CASE o.outcome WHEN 'accepted' THEN t.taken + t.refused WHEN 'rejected' THEN t.refused
                          ELSE t.taken - coalesce(c.n, 0) END AS amount
    FROM unnest(%(t_sources)s, %(t_taken)s::bigint[], %(t_refused)s::bigint[]) AS t (source_id, taken, refused)
    LEFT JOIN counted c USING (source_id)
    CROSS JOIN (VALUES ('accepted'), ('duplicates'), ('rejected')) AS o (outcome)
  ) AS amounts
  WHERE amount > 0 ORDER BY source_id, outcome
  ON CONFLICT (source_id, outcome, slot) DO UPDATE SET n = events_tally.n + excluded.n
)
SELECT string_agg(uuid_send(digest), ''), CASE WHEN count(*) > 0 THEN pg_notify('{CHANNEL}', '') END FROM new
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event cannot be taken: a rejection to be."""

    id: UUID
    reason: str
    field: str
    sealed: bytes


@dataclass(slots=True)
class Item:
    """One event on its way: sealed for the inbox, or refused. `received` and `month` as in cdp.events.binary.

    Afterwards `new` tells whether it was written now or was there already; `unstorable`, that the database will not have
    it: it was not written."""

    source: bytes
    received: int
    digest: bytes = b""
    month: int = 0
    sealed: bytes = b""
    refusal: Refusal | None = None
    new: bool = False
    unstorable: bool = False


def write(connection: Connection[Any], items: Sequence[Item], *, slot: int, keep_days: int) -> None:
    """Writes a group through a connection in autocommit mode, returns once it is durable, and sets `new` on the items.

    BEGIN, statement and COMMIT travel together (pipeline mode). Raises psycopg.Error; then nothing was written, unless
    the connection was lost during COMMIT. A group written again after that finds its own messages and counts them as
    duplicates, just as if the sender had sent them twice: nothing is lost or doubled."""
    with connection.pipeline():
        connection.execute("BEGIN")
        cursor = execute(Cursor(connection), items, slot=slot, keep_days=keep_days)
        connection.execute("COMMIT")
    mark(items, cursor)


def execute(cursor: Cursor[Any], items: Sequence[Item], *, slot: int, keep_days: int) -> Cursor[Any]:
    """The one statement, in whatever transaction the cursor's connection has open."""
    return cursor.execute(_STATEMENT, _parameters(items, slot, keep_days), prepare=True, binary=True)


def mark(items: Sequence[Item], cursor: Cursor[Any]) -> None:
    """Sets `new` on the first item of each digest that was not there before, from the statement's answer."""
    row = cursor.fetchone()
    joined = bytes(row[0] or b"") if row else b""
    left = {joined[at : at + 16] for at in range(0, len(joined), 16)}
    for item in items:
        if item.refusal is None and item.digest in left:
            left.remove(item.digest)
            item.new = True


def _parameters(items: Sequence[Item], slot: int, keep_days: int) -> dict[str, Any]:
    first: dict[bytes, Item] = {}
    refused: list[tuple[Item, Refusal]] = []
    taken_by: Counter[bytes] = Counter()
    refused_by: Counter[bytes] = Counter()
    for item in items:
        if item.refusal is None:
            first.setdefault(item.digest, item)
            taken_by[item.source] += 1
        else:
            refused.append((item, item.refusal))
            refused_by[item.source] += 1
    offered = list(first.values())
    sources = sorted(taken_by.keys() | refused_by.keys())
    return {
        "digests": binary.uuids(list(first)),
        "months": binary.dates([item.month for item in offered]),
        "sources": binary.uuids([item.source for item in offered]),
        "received": binary.moments([item.received for item in offered]),
        "sealed": binary.byteas([item.sealed for item in offered]),
        "keep": keep_days,
        "r_ids": binary.uuids([refusal.id.bytes for _, refusal in refused]),
        "r_sources": binary.uuids([item.source for item, _ in refused]),
        "r_reasons": [refusal.reason for _, refusal in refused],
        "r_fields": [refusal.field for _, refusal in refused],
        "r_sealed": binary.byteas([refusal.sealed for _, refusal in refused]),
        "r_at": binary.moments([item.received for item, _ in refused]),
        "slot": slot,
        "t_sources": binary.uuids(sources),
        "t_taken": [taken_by[source] for source in sources],
        "t_refused": [refused_by[source] for source in sources],
    }
