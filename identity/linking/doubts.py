"""Questions that clustering leaves for a steward: who is alike but was kept apart, and by what thread a cluster hangs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from identity.linking import rows
from identity.linking.rows import Pair, Weight
from identity.records import Rec

BRIDGE, GUARD = "bridge", "guard"
_GUARDED = ("veto", "doubt", "unlike", "size")
SURE = 0.99  # a bridge of at least this probability is no question


class Clustered(Protocol):
    """See identity.regroup.Partition."""

    refused: list[tuple[UUID, UUID, str]]
    reasons: dict[Pair, list[str]]
    similar: dict[Pair, Weight]


def ask(found: Clustered, parts: Sequence[Sequence[UUID]], scene: Mapping[UUID, Rec]) -> int:
    """Makes the open questions about these records those of their clusters; how many are new or gone."""
    home = {id: number for number, part in enumerate(parts) for id in part}
    wanted: dict[Pair, tuple[str, Weight]] = {}
    for left, right, why in found.refused:
        pair = (left, right) if left < right else (right, left)
        if why in _GUARDED and pair in found.similar and home[left] != home[right]:
            wanted[pair] = (GUARD, found.similar[pair])
    for pair in _bridges(found, home):
        if found.similar[pair][1] < SURE:
            wanted[pair] = (BRIDGE, found.similar[pair])
    if not (wanted or any(not rec.new for rec in scene.values())):
        return 0
    before = rows.reviews(scene.keys(), [GUARD, BRIDGE])
    gone = [pair for pair in before if pair not in wanted]
    news = {pair: it for pair, it in wanted.items() if before.get(pair) != it}
    return rows.write_reviews(news, gone, [GUARD, BRIDGE]) + len(gone)


def _bridges(found: Clustered, home: Mapping[UUID, int]) -> list[Pair]:
    """The pairs whose likeness alone holds two parts of at least two records each together."""
    beside: dict[UUID, set[UUID]] = defaultdict(set)
    for left, right in found.reasons:
        if home.get(left) is not None and home.get(left) == home.get(right):
            beside[left].add(right)
            beside[right].add(left)
    chosen = []
    for left, right in found.similar:
        if found.reasons[left, right] == ["similar"] and right in beside[left]:
            here = _side(left, right, beside)
            if right not in here and len(here) > 1 and len(_side(right, left, beside)) > 1:
                chosen.append((left, right))
    return chosen


def _side(start: UUID, without: UUID, beside: Mapping[UUID, set[UUID]]) -> set[UUID]:
    """Who hangs together with a record once its edge to another is cut."""
    reached, waiting = {start}, [start]
    while waiting:
        one = waiting.pop()
        for other in beside[one]:
            if other not in reached and (one, other) != (start, without):
                reached.add(other)
                waiting.append(other)
    return reached
