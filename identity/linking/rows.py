"""The tables of matching, read and written in sets. Under the identity lock."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from cdp.arrays import uuids
from cdp.database.together import Rows, execute, together
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad
from identity.linking.index import LIMIT
from identity.matching.prepare import Prepared
from identity.records import KeyMissing

Pair = tuple[UUID, UUID]
Weight = tuple[float, float]  # bits, probability
SIMILAR = "similar"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, tuple[str, ...]]).decode

_ROWS = "SELECT record_id, sealed, keys, model_version FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])"
_WAITING = "SELECT record_id FROM identity_matchrow WHERE record_id = ANY(%s::uuid[]) AND model_version <> %s"
# The blocks of keys: how many records have a retired one; of the others who has it, at most one more than a block may hold.
_BLOCKS = f"""
SELECT k.key, r.n, CASE WHEN r.key IS NULL THEN
    ARRAY(SELECT m.record_id FROM identity_matchkey m WHERE m.key = k.key LIMIT {LIMIT + 1}) END
FROM unnest(%s::bigint[]) AS k(key) LEFT JOIN identity_retiredkey r ON r.key = k.key
"""
_HOLDERS = "SELECT key, record_id FROM identity_matchkey WHERE key = ANY(%s::bigint[])"
_PUT = """
INSERT INTO identity_matchrow (record_id, sealed, keys, model_version)
SELECT n.record_id, n.sealed, coalesce(string_to_array(n.keys, ',')::bigint[], '{}'), %s
FROM unnest(%s::uuid[], %s::bytea[], %s::text[]) AS n(record_id, sealed, keys)
ON CONFLICT (record_id) DO UPDATE
SET sealed = excluded.sealed, keys = excluded.keys, model_version = excluded.model_version
"""
_REKEY = """
UPDATE identity_matchrow m SET keys = coalesce(string_to_array(n.keys, ',')::bigint[], '{}')
FROM unnest(%s::uuid[], %s::text[]) AS n(record_id, keys) WHERE m.record_id = n.record_id
"""
_ADD_KEYS = """
INSERT INTO identity_matchkey (key, record_id) SELECT * FROM unnest(%s::bigint[], %s::uuid[]) ON CONFLICT DO NOTHING
"""
_DROP_KEYS = """
DELETE FROM identity_matchkey m USING unnest(%s::bigint[], %s::uuid[]) AS g(key, record_id)
WHERE m.key = g.key AND m.record_id = g.record_id
"""
_RETIRE = """
INSERT INTO identity_retiredkey (key, n) SELECT * FROM unnest(%s::bigint[], %s::int[])
ON CONFLICT (key) DO UPDATE SET n = excluded.n
"""
_LINKS = f"""
SELECT l.left_id, l.right_id, l.weight, l.probability FROM identity_link l
WHERE l.rule = '{SIMILAR}' AND (l.left_id = ANY(%s::uuid[]) OR l.right_id = ANY(%s::uuid[]))
"""
_DROP_LINKS = f"""
DELETE FROM identity_link l USING unnest(%s::uuid[], %s::uuid[]) AS g(left_id, right_id)
WHERE l.left_id = g.left_id AND l.right_id = g.right_id AND l.rule = '{SIMILAR}'
"""
_ADD_LINKS = f"""
INSERT INTO identity_link (left_id, right_id, rule, kind, weight, probability)
SELECT left_id, right_id, '{SIMILAR}', 0, bits, probability
FROM unnest(%s::uuid[], %s::uuid[], %s::float8[], %s::float8[]) AS n(left_id, right_id, bits, probability)
ON CONFLICT (left_id, right_id, rule, digest) DO UPDATE SET weight = excluded.weight, probability = excluded.probability
"""
_REVIEWS = """
SELECT left_id, right_id, reason, bits, probability FROM identity_review
WHERE state = 'open' AND reason = ANY(%s::text[]) AND (left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[]))
"""
_CLOSE = """
DELETE FROM identity_review r USING unnest(%s::uuid[], %s::uuid[]) AS g(left_id, right_id)
WHERE r.left_id = g.left_id AND r.right_id = g.right_id AND r.state = 'open' AND r.reason = ANY(%s::text[])
"""
_ASK = """
INSERT INTO identity_review (id, left_id, right_id, bits, probability, reason, state, decided_by, at)
SELECT id, left_id, right_id, bits, probability, reason, 'open', '', now()
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::float8[], %s::float8[], %s::text[])
    AS n(id, left_id, right_id, bits, probability, reason)
WHERE NOT EXISTS (SELECT FROM identity_constraint c WHERE c.left_id = n.left_id AND c.right_id = n.right_id)
ON CONFLICT (left_id, right_id) DO UPDATE
SET bits = excluded.bits, probability = excluded.probability, reason = excluded.reason
WHERE identity_review.state = 'open' AND identity_review.reason NOT IN ('sample', 'suspect', 'asked') RETURNING 1
"""


class Row(NamedTuple):
    """What is stored of a record. `prepared` is None where the person refuses."""

    prepared: Prepared | None
    keys: frozenset[int]
    version: int


def load(record_ids: Collection[UUID]) -> dict[UUID, Row]:
    """The rows of records, opened; those without one are absent. One query, one more to the vault. Raises KeyMissing."""
    if not record_ids:
        return {}
    (found,) = together((_ROWS, [uuids(record_ids)]))
    return _opened(found)


def load_keys(record_ids: Collection[UUID]) -> dict[UUID, Row]:
    """The same without what is compared: for records that are erased, whose keys may be gone already."""
    if not record_ids:
        return {}
    (found,) = together((_ROWS, [uuids(record_ids)]))
    return {id: Row(None, frozenset(own), version) for id, _, own, version in found}


def waiting(record_ids: Collection[UUID], version: int) -> set[UUID]:
    """Those of the records that another version looked at last."""
    if not record_ids:
        return set()
    return {row[0] for row in together((_WAITING, [uuids(record_ids), version]))[0]}


def _opened(found: Rows) -> dict[UUID, Row]:
    held = keys.load([row[0] for row in found if row[1] is not None])
    return {id: Row(_open(id, blob, held), frozenset(own), version) for id, blob, own, version in found}


def _open(record_id: UUID, blob: bytes | None, held: Mapping[UUID, keys.Key]) -> Prepared | None:
    if blob is None:
        return None
    key = held.get(record_id)
    if key is None:
        raise KeyMissing(f"record {record_id}")
    return Prepared(_decode(key.open(blob, aad=_place(record_id))))


def _place(record_id: UUID) -> bytes:
    return aad("identity_matchrow", record_id, "sealed")


def prepared(record_ids: Collection[UUID]) -> dict[UUID, Prepared]:
    """What is compared of records; those of which nothing is are absent."""
    return {id: row.prepared for id, row in load(record_ids).items() if row.prepared is not None}


def blocks(asked: Collection[int]) -> dict[int, tuple[int | None, list[UUID]]]:
    """Key -> (how many records have it if it is retired, else None; who has it if it is not)."""
    if not asked:
        return {}
    (found,) = together((_BLOCKS, [list(asked)]))
    return {key: (n, held or []) for key, n, held in found}


def holders(asked: Collection[int]) -> dict[int, set[UUID]]:
    """All records that have these keys."""
    found: dict[int, set[UUID]] = {key: set() for key in asked}
    if asked:
        for key, record_id in together((_HOLDERS, [list(asked)]))[0]:
            found[key].add(record_id)
    return found


def put(
    wanted: Mapping[UUID, tuple[Prepared | None, Collection[int]]], held: Mapping[UUID, keys.Key], version: int
) -> None:
    """Writes rows whole."""
    if wanted:
        blobs = [
            held[id].seal(_encode(it.values), aad=_place(id)) if it is not None else None
            for id, (it, _) in wanted.items()
        ]
        execute(_PUT, [version, uuids(wanted), blobs, [_spelt(own) for _, own in wanted.values()]])


def rekey(wanted: Mapping[UUID, Collection[int]]) -> None:
    """Writes the keys of rows alone."""
    if wanted:
        execute(_REKEY, [uuids(wanted), [_spelt(own) for own in wanted.values()]])


def _spelt(own: Collection[int]) -> str:
    return ",".join(map(str, sorted(own)))


def drop(record_ids: Collection[UUID]) -> None:
    """Deletes rows; their keys are the caller's."""
    if record_ids:
        execute("DELETE FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])", [uuids(record_ids)])


def write_keys(added: Collection[tuple[int, UUID]], dropped: Collection[tuple[int, UUID]]) -> None:
    """Writes and deletes (key, record)."""
    if dropped:
        execute(_DROP_KEYS, _columns(dropped))
    if len(added) > 100:
        with connection.cursor() as cursor, cursor.copy("COPY identity_matchkey (key, record_id) FROM STDIN") as copy:
            for row in sorted(added):
                copy.write_row(row)
    elif added:
        execute(_ADD_KEYS, _columns(added))


def write_retired(retired: Mapping[int, int], released: Collection[int]) -> None:
    """Writes how many records have retired keys; forgets those that are released."""
    if retired:
        execute(_RETIRE, [list(retired), list(retired.values())])
    if released:
        execute("DELETE FROM identity_retiredkey WHERE key = ANY(%s::bigint[])", [list(released)])


def links(record_ids: Collection[UUID]) -> dict[Pair, Weight]:
    """The links by likeness that these records have."""
    ids = uuids(record_ids)
    return {(left, right): (bits, p) for left, right, bits, p in together((_LINKS, [ids, ids]))[0]}


def write_links(wanted: Mapping[Pair, Weight], dropped: Collection[Pair]) -> None:
    """Writes and deletes links by likeness."""
    if dropped:
        execute(_DROP_LINKS, _columns(dropped))
    if wanted:
        left, right = _columns(wanted)
        execute(_ADD_LINKS, [left, right, [bits for bits, _ in wanted.values()], [p for _, p in wanted.values()]])


def reviews(record_ids: Collection[UUID], reasons: Collection[str]) -> dict[Pair, tuple[str, Weight]]:
    """The open questions of these reasons about these records."""
    ids = uuids(record_ids)
    (found,) = together((_REVIEWS, [list(reasons), ids, ids]))
    return {(left, right): (reason, (bits, p)) for left, right, reason, bits, p in found}


def write_reviews(
    wanted: Mapping[Pair, tuple[str, Weight]], dropped: Collection[Pair], reasons: Collection[str]
) -> int:
    """Asks, and withdraws open questions of these reasons. A pair about which a person decided is not asked about. How many
    questions are new or have another weight."""
    if dropped:
        execute(_CLOSE, [*_columns(dropped), list(reasons)])
    if not wanted:
        return 0
    left, right = _columns(wanted)
    bits, chances = [w[0] for _, w in wanted.values()], [w[1] for _, w in wanted.values()]
    named = [reason for reason, _ in wanted.values()]
    return len(together((_ASK, [[uuid7() for _ in wanted], left, right, bits, chances, named]))[0])


def _columns(pairs: Iterable[tuple[Any, Any]]) -> list[list[Any]]:
    left, right = zip(*pairs, strict=True)
    return [list(left), list(right)]
