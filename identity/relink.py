"""Links of shared identifier values, decided anew for every value that something touched. Under the identity lock."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import execute, together
from identity import records, rules
from identity.records import Rec

# digest -> {record: (kind, when first seen)}
Holders = dict[UUID, dict[UUID, tuple[int, datetime]]]

_HOLDERS = f"""
SELECT d.digest, e.record_id, e.kind, e.first_seen FROM unnest(%s::uuid[]) AS d(digest)
CROSS JOIN LATERAL (SELECT record_id, kind, first_seen FROM identity_evidence
                    WHERE digest = d.digest LIMIT {rules.MOST_HOLDERS + 1}) e
"""
_HAVING = "SELECT DISTINCT record_id FROM identity_evidence WHERE digest = ANY(%s::uuid[])"
_RETIRED = "SELECT digest FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[])"
_LINKS = "SELECT digest, left_id, right_id, weight FROM identity_link WHERE digest = ANY(%s::uuid[])"
_DROP = """
DELETE FROM identity_link l USING unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS o(digest, left_id, right_id)
WHERE l.digest = o.digest AND l.left_id = o.left_id AND l.right_id = o.right_id
"""
_INSERT = """
INSERT INTO identity_link (left_id, right_id, rule, kind, digest, weight)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::smallint[], %s::uuid[], %s::float8[])
"""
_RETIRE = """
INSERT INTO identity_retiredvalue (kind, digest, reason, holders)
SELECT * FROM unnest(%s::int[], %s::uuid[], %s::text[], %s::int[])
ON CONFLICT (digest) DO UPDATE SET holders = identity_retiredvalue.holders + excluded.holders
"""


@dataclass(slots=True)
class Relinked:
    """What relinking came to: the records whose clusters it may move, those that hold a value newly retired, and counts."""

    touched: set[UUID] = field(default_factory=set)
    freed: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)  # the newly retired values
    made: int = 0
    withdrawn: int = 0
    retired: int = 0


def retired(digests: Collection[UUID]) -> set[UUID]:
    """Those of the digests that link nobody."""
    if not digests:
        return set()
    return {row[0] for row in together((_RETIRED, [uuids(digests)]))[0]}


def retire(rows: Iterable[tuple[int, UUID, str, int]]) -> None:
    """Retires values (kind, digest, reason, how many more records hold them), or counts their new holders."""
    rows = sorted(rows, key=lambda row: row[1])
    if rows:
        execute(_RETIRE, [list(column) for column in zip(*rows, strict=True)])


def holders_of(digests: Collection[UUID]) -> tuple[Holders, set[UUID]]:
    """The stored holders of values, at most one more of each than a value may have; without those of the values that link
    nobody, which come second. One round trip."""
    found: Holders = defaultdict(dict)
    if not digests:
        return found, set()
    ids = uuids(digests)
    rows, gone = together((_HOLDERS, [ids]), (_RETIRED, [ids]))
    dead = {digest for (digest,) in gone}
    for digest, record_id, kind, first_seen in rows:
        if digest not in dead:
            found[digest][record_id] = (kind, first_seen)
    return found, dead


def having(digests: Collection[UUID], known: dict[UUID, Rec]) -> dict[UUID, Rec]:
    """All records that hold one of these values, from memory where they are known."""
    if not digests:
        return {}
    ids = {row[0] for row in together((_HAVING, [uuids(digests)]))[0]}
    return {id: known[id] for id in ids & known.keys()} | records.by_id(ids - known.keys())


def relink(holders: Holders, known: dict[UUID, Rec]) -> Relinked:
    """Makes the stored links of these values equal to what the rules say of their holders. `holders` must be complete,
    and is stored already. `known`: records in memory; others that hold a value are added to it, opened."""
    result = Relinked()
    shared = {digest: held for digest, held in holders.items() if len(held) > 1}
    if not shared:
        return result
    missing = {record for held in shared.values() for record in held} - known.keys()
    known |= records.by_id(missing)
    wanted: dict[tuple[UUID, UUID, UUID], tuple[int, float]] = {}
    gone: list[tuple[int, UUID, str, int]] = []
    for digest, held in shared.items():
        kind = next(iter(held.values()))[0]
        people = [known[record].holder(since) for record, (_, since) in held.items()]
        if rules.is_shared(kind, people):
            gone.append((kind, digest, "shared", len(people)))
            continue
        result.touched |= held.keys()
        for left, right, weight in rules.links(kind, people):
            low, high = sorted((left.id, right.id))
            wanted[digest, low, high] = (kind, weight)
    retire(gone)
    result.retired, result.gone = len(gone), {digest for _, digest, _, _ in gone}
    result.freed = {record for _, digest, _, _ in gone for record in holders[digest] if record in known}
    result.touched |= result.freed
    _write(wanted, list(shared), result)
    return result


def _write(wanted: dict[tuple[UUID, UUID, UUID], tuple[int, float]], digests: list[UUID], result: Relinked) -> None:
    (found,) = together((_LINKS, [uuids(digests)]))
    stored = {(digest, left, right): weight for digest, left, right, weight in found}
    old = [key for key, weight in stored.items() if key not in wanted or wanted[key][1] != weight]
    if old:
        execute(_DROP, [uuids(column) for column in zip(*old, strict=True)])
        result.touched |= {record for _, left, right in old for record in (left, right)}
    rows = [(key, wanted[key]) for key in wanted if stored.get(key) != wanted[key][1]]
    insert((left, right, kind, digest, weight) for (digest, left, right), (kind, weight) in rows)
    result.made, result.withdrawn = len(rows), len(old)


def insert(rows: Iterable[tuple[UUID, UUID, int, UUID, float]]) -> None:
    """Writes links (left, right, kind, digest, weight)."""
    rows = list(rows)
    if rows:
        left, right, kinds, digests, weights = map(list, zip(*rows, strict=True))
        execute(_INSERT, [left, right, [f"same_{rules.LABELS[kind]}" for kind in kinds], kinds, digests, weights])
