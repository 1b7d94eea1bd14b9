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
    the records that moved there. `revived`: redirects that are profiles again. `made`: ids of parts that had no profile."""

    ids: list[UUID] = field(default_factory=list)
    merged: dict[UUID, UUID] = field(default_factory=dict)
    split: dict[UUID, dict[UUID, list[UUID]]] = field(default_factory=dict)
    revived: set[UUID] = field(default_factory=set)
    made: set[UUID] = field(default_factory=set)


def assign(
    parts: Sequence[Sequence[UUID]],
    current: Mapping[UUID, UUID],
    *,
    redirects: Mapping[UUID, UUID],
    tentative: Mapping[UUID, UUID],
    new_id: Callable[[], UUID],
) -> Assigned:
    """`current`: record -> its existing profile (absent: none yet). `redirects`: old profile id -> the record it began with.
    `tentative`: new record -> the id its profile has if it stays alone.

    A profile goes with the larger part of its records (tie: the older record); the oldest profile of a part keeps its id. A
    part without a profile gets back the oldest merged-away id that began with one of its records, else a new id.
    """
    result = Assigned()
    shares: dict[UUID, Counter[int]] = defaultdict(Counter)
    for number, part in enumerate(parts):
        for record in part:
            if record in current:
                shares[current[record]][number] += 1
    claims: dict[int, list[UUID]] = defaultdict(list)
    for profile, counts in shares.items():
        most = max(counts.values())
        claims[min((n for n, count in counts.items() if count == most), key=lambda n: min(parts[n]))].append(profile)
    began: dict[UUID, list[UUID]] = defaultdict(list)
    for old, founder in redirects.items():
        began[founder].append(old)
    for number, part in enumerate(parts):
        result.ids.append(_id(part, claims[number], began, tentative, new_id, result))
        for profile in claims[number]:
            if profile != result.ids[number]:
                result.merged[profile] = result.ids[number]
    _note_splits(parts, current, result)
    return result


def _id(
    part: Sequence[UUID],
    claimed: list[UUID],
    began: Mapping[UUID, list[UUID]],
    tentative: Mapping[UUID, UUID],
    new_id: Callable[[], UUID],
    result: Assigned,
) -> UUID:
    if claimed:
        return min(claimed)
    back = sorted(old for record in part for old in began.get(record, ()))
    if back:
        result.revived.add(back[0])
        return back[0]
    made = min((tentative[record] for record in part if record in tentative), default=None) or new_id()
    result.made.add(made)
    return made


def _note_splits(parts: Sequence[Sequence[UUID]], current: Mapping[UUID, UUID], result: Assigned) -> None:
    for id, part in zip(result.ids, parts, strict=True):
        for record in part:
            before = current.get(record)
            if before is not None and before != id and result.merged.get(before) != id:
                result.split.setdefault(before, {}).setdefault(id, []).append(record)
