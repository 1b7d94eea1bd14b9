"""What `group` calls say: who belongs to which group, and what is true of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.groups import rows
from cdp.groups.golden import Said, Sources
from cdp.groups.rows import GroupRow, MemberRow
from cdp.ids import uuid7
from cdp.vault import keys
from identity.traits import stamp, take

Place = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Statement:
    """One call: a record says it belongs to the group `group` of a namespace of sources. `facts` and `sealed` are the two
    parts of the group's traits (catalogue scope `group`)."""

    record_id: UUID
    source_id: UUID
    namespace: str
    group: str
    facts: dict[str, Any]
    sealed: dict[str, Any]
    occurred_at: datetime

    @property
    def said(self) -> Said:
        """As the rules of traits take it."""
        return stamp(self.occurred_at), self.facts, self.sealed


@dataclass(slots=True)
class _Folded:
    """What a batch says from one record of one group."""

    source: UUID
    first_seen: datetime
    last_seen: datetime
    said: list[Said] = field(default_factory=list)


def observe(statements: Sequence[Statement], *, at: datetime) -> int:
    """Takes statements up, in the caller's transaction and in a fixed number of queries; how many groups and members changed.

    The result is a function of the set of all statements ever taken up: neither their order nor repeating one matters."""
    if not statements:
        return 0
    names = list(dict.fromkeys((it.namespace, it.group) for it in statements))
    digests = dict(zip(names, rows.digests(names), strict=True))
    groups = {row.digest: row for row in _groups({digest: name for (_, name), digest in digests.items()}, at=at)}
    folded: dict[Place, _Folded] = {}
    for it in statements:
        place = (groups[digests[it.namespace, it.group]].id, it.record_id)
        one = folded.setdefault(place, _Folded(it.source_id, it.occurred_at, it.occurred_at))
        one.first_seen, one.last_seen = min(one.first_seen, it.occurred_at), max(one.last_seen, it.occurred_at)
        if it.facts or it.sealed:
            one.said.append(it.said)
    return _take_traits(list(groups.values()), folded, at=at) + _take_members(folded)


def _groups(names: dict[UUID, str], *, at: datetime) -> list[GroupRow]:
    """The groups with these digests, made where they are missing; held so that nobody erases a member of them meanwhile."""
    lock = "FOR KEY SHARE"
    found = rows.load("digest", names, lock=lock)
    missing = names.keys() - {row.digest for row in found}
    if not missing:
        return found
    made = [GroupRow(uuid7(), digest, uuid7(), names[digest], Sources(), {}, {}) for digest in missing]
    rows.insert(made, keys.create([row.key_id for row in made]), at=at)
    return rows.load("digest", names, lock=lock)


def _take_traits(groups: list[GroupRow], folded: dict[Place, _Folded], *, at: datetime) -> int:
    """Merges statements into the groups on which they move anything: only those are locked, for one group can be fed by
    every event that comes."""
    by_group: dict[UUID, list[tuple[UUID, Said]]] = {}
    for (group, _), one in folded.items():
        by_group.setdefault(group, []).extend((one.source, said) for said in one.said)
    stirred = {
        row.id for row in groups
        if any(row.known.moved_by(source, said) for source, said in by_group.get(row.id, ()))
    }  # fmt: skip
    moved = []
    for row in rows.load("id", stirred, lock="FOR NO KEY UPDATE"):
        took = [not row.closed and row.known.take(source, said) for source, said in by_group[row.id]]
        if any(took):
            rows.derive(row)
            moved.append(row)
    rows.update(moved, at=at)
    return len(moved)


def _take_members(folded: dict[Place, _Folded]) -> int:
    made = rows.insert_members(
        (group, record, one.source, one.first_seen, one.last_seen) for (group, record), one in folded.items()
    )
    known = rows.members_at(folded)
    changed = [known[place] for place, one in folded.items() if _merged(known[place], one)]
    rows.update_members(changed)
    return made + len(changed)


def _merged(row: MemberRow, one: _Folded) -> bool:
    """Merges what a batch says into a member, in memory; whether anything moved."""
    moved = [take(row.facts, row.sealed, said) for said in one.said]
    if one.first_seen < row.first_seen or one.last_seen > row.last_seen:
        row.first_seen, row.last_seen = min(row.first_seen, one.first_seen), max(row.last_seen, one.last_seen)
        moved.append(True)
    return any(moved)
