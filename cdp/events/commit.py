"""One group of accepted events, written in one transaction: dedupe, inbox, rejections, counts, wake-up.

All of it is a single statement, so that a group costs one round trip and one flush of the write-ahead log, however many
requests wait for it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from cdp.events import binary

CHANNEL = "cdp_inbox"
_NAME = b"write_group"

# The dependence of `tallied` on `queued` on `new` fixes the order in which locks are taken: digests in ascending order
# first (two processes with overlapping groups would deadlock otherwise), counts after, in order of their key.
_STATEMENT = f"""
WITH offered AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::timestamptz[], $5::bytea[])
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
  SELECT id, source_id, reason, field, sealed, at, at + $6::int * interval '1 day'
  FROM unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::bytea[], $12::timestamptz[])
    AS r (id, source_id, reason, field, sealed, at)
), counted AS (
  SELECT source_id, count(*) AS n FROM queued GROUP BY source_id
), tallied AS (
  INSERT INTO events_tally (source_id, outcome, slot, n)
  SELECT source_id, outcome, $13::smallint, amount FROM (
    SELECT t.source_id, o.outcome,
           CASE o.outcome WHEN 'accepted' THEN t.taken + t.refused WHEN 'rejected' THEN t.refused
                          ELSE t.taken - coalesce(c.n, 0) END AS amount
    FROM unnest($14::uuid[], $15::bigint[], $16::bigint[]) AS t (source_id, taken, refused)
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


def prepare(connection: Connection[Any]) -> None:
    """Makes a connection ready for `write`. Raises psycopg.Error."""
    # Arrays of unknown length are planned once, for all lengths: to plan a group costs as much as to write it. A nested
    # loop over a group would be quadratic.
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute("SET enable_nestloop = off")
    _checked(connection, connection.pgconn.prepare(_NAME, _STATEMENT.encode()))


def write(connection: Connection[Any], items: Sequence[Item], *, slot: int, keep_days: int) -> None:
    """Writes a group through a prepared connection in autocommit mode, returns once it is durable, and sets `new` on the
    items. Straight through libpq: one call, during which other threads run, where psycopg's cursor makes dozens.

    Raises psycopg.Error; then nothing was written, unless the connection was lost during COMMIT. A group written again
    after that finds its own messages and counts them as duplicates, just as if the sender had sent them twice: nothing
    is lost or doubled."""
    values = _parameters(items, slot, keep_days)
    binary_format = [1] * len(values)
    result = _checked(
        connection, connection.pgconn.exec_prepared(_NAME, values, binary_format, result_format=Format.BINARY)
    )
    _mark(items, result.get_value(0, 0) or b"")


def _checked(connection: Connection[Any], result: PGresult) -> PGresult:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if connection.pgconn.status != ConnStatus.OK:
        raise OperationalError("the connection is lost")
    raise error_from_result(result)


def _mark(items: Sequence[Item], joined: bytes) -> None:
    """Sets `new` on the first item of each digest that was not there before, from the statement's answer."""
    left = {joined[at : at + 16] for at in range(0, len(joined), 16)}
    for item in items:
        if item.refusal is None and item.digest in left:
            left.remove(item.digest)
            item.new = True


def _parameters(items: Sequence[Item], slot: int, keep_days: int) -> list[bytes]:
    """In the order of the statement's numbers."""
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
    return [
        binary.uuids(list(first)),
        binary.dates([item.month for item in offered]),
        binary.uuids([item.source for item in offered]),
        binary.moments([item.received for item in offered]),
        binary.byteas([item.sealed for item in offered]),
        binary.integer(keep_days),
        binary.uuids([refusal.id.bytes for _, refusal in refused]),
        binary.uuids([item.source for item, _ in refused]),
        binary.texts([refusal.reason for _, refusal in refused]),
        binary.texts([refusal.field for _, refusal in refused]),
        binary.byteas([refusal.sealed for _, refusal in refused]),
        binary.moments([item.received for item, _ in refused]),
        binary.smallint(slot),
        binary.uuids(sources),
        binary.longs([taken_by[source] for source in sources]),
        binary.longs([refused_by[source] for source in sources]),
    ]
