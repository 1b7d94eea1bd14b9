"""What holds a person's records together: the links, and the values, without which there would be two people. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from uuid import UUID

from identity.components import components
from identity.suspects import Pair


@dataclass(frozen=True, slots=True)
class Hold:
    """What would part the records if it were not: all that joins one `pair`, or every link by one value (`digest`); of neither,
    a pair of records that hang together in more ways than one. `bits`: of all that joins the pair, or of the value's strongest
    link; `parts`: what would be left, of a pair in more ways nothing; `odd`: it joins records that contradict each other."""

    bits: float
    parts: tuple[frozenset[UUID], ...] = ()
    pair: Pair | None = None
    digest: UUID | None = None
    odd: bool = False


def bridges(pairs: Iterable[Pair]) -> dict[Pair, frozenset[UUID]]:
    """The pairs that lie on no circle, and what each cuts off: one of its two sides. R. E. Tarjan, A note on finding the bridges
    of a graph (1974)."""
    near: dict[UUID, set[UUID]] = defaultdict(set)
    for left, right in pairs:
        near[left].add(right)
        near[right].add(left)
    order: list[UUID] = []
    place: dict[UUID, int] = {}
    low: dict[UUID, int] = {}
    found: dict[Pair, frozenset[UUID]] = {}

    def enter(node: UUID) -> None:
        place[node] = low[node] = len(order)
        order.append(node)

    for root in near:
        if root in place:
            continue
        enter(root)
        path = [(root, root, iter(near[root]))]
        while path:
            node, above, rest = path[-1]
            fresh = None
            for other in rest:
                if other not in place:
                    fresh = other
                    break
                if other != above:
                    low[node] = min(low[node], place[other])
            if fresh is not None:
                enter(fresh)
                path.append((fresh, node, iter(near[fresh])))
                continue
            path.pop()
            if path:
                low[above] = min(low[above], low[node])
                if low[node] > place[above]:
                    found[(above, node) if above < node else (node, above)] = frozenset(order[place[node] :])
    return found


def holding(
    edges: Mapping[Pair, float],
    values: Mapping[UUID, Mapping[Pair, float]],
    against: Set[UUID] = frozenset(),
    others: Set[UUID] = frozenset(),
    silent: Set[UUID] = frozenset(),
) -> Hold | None:
    """What to look at first when one asks why these records are one person. Where some contradict (`against`) the `others`: what
    alone keeps the two together, else the strongest pair of both. Else the weakest that alone holds anything, a visit that says
    nothing of anybody (`silent`) last; where nothing does, the weakest of all. None for one record.

    edges: pair -> bits of all that joins it (a decision: infinite). values: digest of a value -> pair -> bits of its link there;
    a pair that nothing but this value joins is gone without it."""
    if not edges:
        return None
    holds = _holds(edges, values)
    joining = [hold for hold in holds if _keeps(hold, against, others)]
    across = [it for it in edges if len(against & set(it)) == 1 == len(others & set(it))]
    if against and others and not joining and across:
        pair = max(across, key=lambda it: (edges[it], it))
        return Hold(edges[pair], pair=pair, odd=True)
    if not holds:
        pair = min(edges, key=lambda it: (edges[it], it))
        return Hold(edges[pair], pair=pair)

    def first(hold: Hold) -> tuple[bool, float, bool, str]:
        harmless = sum(not part.issubset(silent) for part in hold.parts) < 2
        return harmless, hold.bits, hold.pair is None, str(hold.pair or hold.digest)

    return replace(min(joining or holds, key=first), odd=bool(joining))


def _holds(edges: Mapping[Pair, float], values: Mapping[UUID, Mapping[Pair, float]]) -> list[Hold]:
    """All that holds something together alone."""
    nodes = frozenset(id for pair in edges for id in pair)
    found = [Hold(edges[pair], (side, nodes - side), pair) for pair, side in bridges(edges).items()]
    for digest, joined in values.items():
        left = [pair for pair, bits in edges.items() if bits > joined.get(pair, 0.0) + 1e-9]
        parts = [frozenset(part) for part in components(nodes, left)]
        if len(joined) > 1 and len(parts) > 1:  # of one pair it is that pair's link
            found.append(Hold(max(joined.values()), tuple(sorted(parts, key=len)), digest=digest))
    return found


def _keeps(hold: Hold, against: Set[UUID], others: Set[UUID]) -> bool:
    """Are all that contradict apart from all others without it?"""
    apart = not any(part & against and part & others for part in hold.parts)
    return bool(against) and bool(others) and apart
