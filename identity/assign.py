"""Which profile id each cluster gets after merges and splits. Pure.

Ids are UUIDv7, so the smaller id is the older profile.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Assigned:
    """`ids`: a profile id per part. `merged`: profile -> the one it went into. `split`: profile -> the other parts' ids with
    the records that moved there. `revived`: redirects that are profiles again. `made`: ids of parts that had no profile.
    `founders`: the record with which a profile began, of revived ids."""

    ids: list[UUID] = field(default_factory=list)
    merged: dict[UUID, UUID] = field(default_factory=dict)
    split: dict[UUID, dict[UUID, list[UUID]]] = field(default_factory=dict)
    revived: set[UUID] = field(default_factory=set)
    made: set[UUID] = field(default_factory=set)
    founders: dict[UUID, UUID] = field(default_factory=dict)


def assign(
    parts: Sequence[Sequence[UUID]],
    current: Mapping[UUID, UUID],
    *,
    founders: Mapping[UUID, UUID],
    redirects: Mapping[UUID, UUID],
    tentative: Mapping[UUID, UUID],
    new_id: Callable[[], UUID],
) -> Assigned:
    """`current`: record -> its existing profile (absent: none yet). `founders`: existing profile -> the record it began with;
    `redirects`: the same for merged-away ids. `tentative`: new record -> the id its profile has if it stays alone.

    An id goes where its founding record is (is that erased: with most of its records), so that what is merged and parted
    again has its old ids again. The oldest id of a part stands for it; the others become redirects. A part without any id
    gets a new one.
    """
    result = Assigned()
    home = {record: number for number, part in enumerate(parts) for record in part}
    claims: dict[int, list[UUID]] = defaultdict(list)
    for profile, number in _homes(parts, current, founders, home).items():
        claims[number].append(profile)
    back: dict[int, list[UUID]] = defaultdict(list)
    for old, founder in redirects.items():
        if founder in home:
            back[home[founder]].append(old)
    for number, part in enumerate(parts):
        owned = claims[number] + back[number]
        if owned:
            id = min(owned)
            if id in redirects:
                result.revived.add(id)
                result.founders[id] = redirects[id]
        else:
            id = min((tentative[record] for record in part if record in tentative), default=None) or new_id()
            result.made.add(id)
        result.ids.append(id)
        result.merged |= {profile: id for profile in claims[number] if profile != id}
    _note_splits(parts, current, result)
    return result


def _homes(
    parts: Sequence[Sequence[UUID]],
    current: Mapping[UUID, UUID],
    founders: Mapping[UUID, UUID],
    home: Mapping[UUID, int],
) -> dict[UUID, int]:
    """The part in which each existing profile lives on."""
    shares: dict[UUID, Counter[int]] = defaultdict(Counter)
    for record, number in home.items():
        if record in current:
            shares[current[record]][number] += 1
    found = {}
    for profile, counts in shares.items():
        founder, most = founders.get(profile), max(counts.values())
        if founder is not None and founder in home:
            found[profile] = home[founder]
        else:
            found[profile] = min((n for n, count in counts.items() if count == most), key=lambda n: min(parts[n]))
    return found


def _note_splits(parts: Sequence[Sequence[UUID]], current: Mapping[UUID, UUID], result: Assigned) -> None:
    for id, part in zip(result.ids, parts, strict=True):
        for record in part:
            before = current.get(record)
            if before is not None and before != id and result.merged.get(before) != id:
                result.split.setdefault(before, {}).setdefault(id, []).append(record)
