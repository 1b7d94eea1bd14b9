"""The rows of profiles: made, brought up to date, deleted, in sets. Under the identity lock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from cdp.arrays import uuids
from cdp.catalogue import snapshot
from cdp.database.together import Rows, execute, together
from cdp.sources import lookup
from identity import records, survivorship
from identity.assign import Assigned
from identity.golden import Contribution, Golden, golden
from identity.records import Rec
from identity.traits import Stamped, canonical

_decode = msgspec.json.decode
_encode = msgspec.json.encode
# What `Stored.of` reads. Locked in id order in one statement: whoever evaluates people does the same, so neither waits in a
# circle.
STORED = """
SELECT id, facts::text, provenance::text, records, founder FROM identity_profile
WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
"""
_INSERT = """
INSERT INTO identity_profile (id, facts, provenance, records, founder, version, updated_at)
SELECT n.*, 1, %s FROM unnest(%s::uuid[], %s::jsonb[], %s::jsonb[], %s::int[], %s::uuid[]) AS n
"""
_UPDATE = """
UPDATE identity_profile p SET facts = n.facts, provenance = n.provenance, records = n.records, founder = n.founder,
       version = p.version + 1, updated_at = %s
FROM unnest(%s::uuid[], %s::jsonb[], %s::jsonb[], %s::int[], %s::uuid[]) AS n(id, facts, provenance, records, founder)
WHERE p.id = n.id
"""
STEWARD = UUID(int=0)  # the source of what is typed: none that sends data
_declared: tuple[object, frozenset[str]] = (None, frozenset())


class Stored(NamedTuple):
    """A profile's row as it is. `founder`: the record with which it began."""

    facts: Any
    provenance: Any
    records: int
    founder: UUID | None

    @classmethod
    def of(cls, rows: Rows) -> "dict[UUID, Stored]":
        """By profile."""
        return {row[0]: cls(_decode(row[1]), _decode(row[2]), row[3], row[4]) for row in rows}


@dataclass(slots=True)
class Written:
    """`founders`: the founding record of each profile that was there before."""

    changed: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)
    founders: dict[UUID, UUID | None] = field(default_factory=dict)
    made: int = 0


def declared_names() -> frozenset[str]:
    """The declared paths of traits, and the lists that hold declared ones: names that may stand in clear."""
    global _declared
    catalogue = snapshot.current()
    if _declared[0] is not catalogue:
        paths = catalogue.classes("trait")
        heads = {path[: path.index("[]")] for path in paths if "[]" in path}
        tops = {path.partition(".")[0] for path in paths}
        _declared = (catalogue, frozenset(paths) | heads | tops)
    return _declared[1]


def contributions(recs: Sequence[Rec]) -> list[Contribution]:
    """What survivorship needs of records. What a steward typed counts as said by STEWARD, whatever its record's source is."""
    sources = lookup.load({rec.source_id for rec in recs})
    found = []
    for rec in recs:
        source = sources.get(rec.source_id)
        priority, manual = (source.priority, source.kind == "steward") if source else (50, False)
        found.append(Contribution(rec.id, rec.order, priority, manual, rec.facts, rec.sealed))
        if rec.manual:
            found.append(Contribution(rec.id, (STEWARD, rec.key_digest), 0, True, *split_typed(rec.manual)))
    return found


def split_typed(manual: Stamped) -> tuple[Stamped, Stamped]:
    """Typed values as facts and the rest, by the catalogue of today: they are kept in one piece."""
    facts: Stamped = {}
    rest: Stamped = {}
    for trait, (value, at) in manual.items():
        split = snapshot.current().split("trait", {trait: value})
        if trait in split.facts:
            facts[trait] = [split.facts[trait], at]
        if trait in split.sealed:
            rest[trait] = [split.sealed[trait], at]
    return facts, rest


def goldens(parts: Sequence[Sequence[UUID]], scene: Mapping[UUID, Rec]) -> list[Golden]:
    """The golden record of each part."""
    given: dict[UUID, list[Contribution]] = {}
    for one in contributions([scene[record] for part in parts for record in part]):
        given.setdefault(one.record, []).append(one)
    names, rules = declared_names(), survivorship.current()
    return [
        golden([it for record in part for it in given[record]], rules, declared=names.__contains__) for part in parts
    ]


def write(
    parts: Sequence[Sequence[UUID]],
    assigned: Assigned,
    scene: Mapping[UUID, Rec],
    stored: Mapping[UUID, Stored],
    *,
    at: datetime,
) -> Written:
    """Makes the profile rows equal to these parts: new rows, rows whose golden record or size differs, merged-away rows.
    `stored`: the rows of all profiles that are concerned."""
    result = Written(gone=set(assigned.merged))
    made: list[Row] = []
    known: list[Row] = []
    new = assigned.made | assigned.revived
    for id, part, gold in zip(assigned.ids, parts, goldens(parts, scene), strict=True):
        (made if id in new else known).append((id, part, gold))
    result.founders = {id: row.founder for id, row in stored.items()}
    stale = []
    for id, part, gold in known:
        row = stored.get(id)
        if row is None:
            made.append((id, part, gold))
        elif (
            row.records != len(part)
            or row.founder not in part
            or canonical([gold.facts, gold.provenance]) != canonical([row.facts, row.provenance])
        ):
            stale.append((id, part, gold))
    founders = result.founders | assigned.founders
    for statement, rows in ((_INSERT, made), (_UPDATE, stale)):
        if rows:
            began = [founder_of(founders.get(id), part, scene) for id, part, _ in rows]
            execute(statement, [at, *_columns(rows), began])
    if result.gone:
        execute("DELETE FROM identity_profile WHERE id = ANY(%s::uuid[])", [sorted(result.gone)])
    result.changed = {id for id, _, _ in (*made, *stale)}
    result.made = len(made)
    return result


def refresh(profile_ids: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Works the golden records of profiles out anew, clusters as they are; those whose row changed. Under the identity lock."""
    scene = records.by_profile(profile_ids)
    parts: dict[UUID, list[UUID]] = {}
    for rec in scene.values():
        if rec.profile_id is not None:
            parts.setdefault(rec.profile_id, []).append(rec.id)
    stored = Stored.of(together((STORED, [uuids(parts)]))[0])
    return write(list(parts.values()), Assigned(ids=list(parts)), scene, stored, at=at).changed


Row = tuple[UUID, Sequence[UUID], Golden]


def founder_of(known: UUID | None, part: Sequence[UUID], scene: Mapping[UUID, Rec]) -> UUID:
    """The record with which a profile began; the oldest of its records where that is not known or was erased."""
    if known is not None and known in part:
        return known
    return min(part, key=lambda record: (scene[record].first_seen, scene[record].order))


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    """Ids, facts, provenance, numbers of records."""
    return [
        [id for id, _, _ in rows],
        [_encode(gold.facts).decode() for _, _, gold in rows],
        [_encode(gold.provenance).decode() for _, _, gold in rows],
        [len(part) for _, part, _ in rows],
    ]
