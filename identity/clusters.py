"""Clusters of records: agglomeration over edges in a total order, with vetoes. Pure.

Connected components chain strangers together: A is linked to P and P to B, though A and B cannot be one. So edges are taken
from the strongest to the weakest (as in Kruskal's algorithm), and one that would put two such records together is refused.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)
CAP = 200
_AGAIN = ("doubt", "unlike")


class Judgement(Protocol):
    """See identity.rules.Verdict."""

    @property
    def veto(self) -> bool: ...
    @property
    def doubt(self) -> bool: ...
    @property
    def agree(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """A reason to join two records. `must`: a person decided so. `similar`: they are only alike; what they share comes first.
    `age`: breaks ties of weight, the smaller first."""

    left: T
    right: T
    weight: float
    must: bool = False
    age: Any = 0
    similar: bool = False


@dataclass(slots=True)
class Clusters(Generic[T]):
    """`parts` in a stable order; `refused`: (left, right, why) with why "cannot_link", "veto", "doubt", "unlike" or "size"."""

    parts: list[list[T]] = field(default_factory=list)
    refused: list[tuple[T, T, str]] = field(default_factory=list)


def cluster(
    nodes: Sequence[T],
    edges: Iterable[Edge[T]],
    *,
    order: Callable[[T], Any],
    judge: Callable[[T, T], Judgement],
    cannot: Iterable[tuple[T, T]] = (),
    alike: Callable[[list[T], list[T]], bool] | None = None,
    cap: int = CAP,
) -> Clusters[T]:
    """Clusters `nodes`. The result depends on the arguments as sets alone: `order` gives each node its own sortable key.

    Must-links go first, then the heaviest edges, then those of mere likeness, for which the two clusters must also be `alike` as
    wholes (average linkage: it keeps a chain of strangers, each like the next, apart). Two clusters are not joined if any pair
    across them cannot be linked or is vetoed (a must-link outweighs a veto, never a cannot-link), or if a pair is in doubt and
    none across them agrees. What is refused for doubt, or as unlike, is tried again when the clusters have grown.
    """
    members: dict[T, list[T]] = {node: [node] for node in nodes}
    barred = {frozenset(pair) for pair in cannot}
    result: Clusters[T] = Clusters()

    def key(edge: Edge[T]) -> Any:
        low, high = sorted((order(edge.left), order(edge.right)))
        return (not edge.must, edge.similar, -edge.weight, edge.age, low, high)

    waiting = sorted(edges, key=key)
    grew = True
    while grew:
        grew = False
        refused: list[tuple[Edge[T], str]] = []
        for edge in waiting:
            ours, theirs = members[edge.left], members[edge.right]
            if ours is theirs:
                continue
            why = _objection(ours, theirs, edge, judge, barred, cap)
            if not why and edge.similar and alike is not None and not alike(ours, theirs):
                why = "unlike"
            if why:
                refused.append((edge, why))
                continue
            grew = True
            ours.extend(theirs)
            for node in theirs:
                members[node] = ours
        waiting = [edge for edge, why in refused if why in _AGAIN]
        result.refused = [one for one in result.refused if one[2] not in _AGAIN]
        result.refused += [(edge.left, edge.right, why) for edge, why in refused]
        grew = grew and bool(waiting)
    distinct = {id(part): part for part in members.values()}
    result.parts = sorted((sorted(part, key=order) for part in distinct.values()), key=lambda part: order(part[0]))
    return result


def _objection(
    ours: list[T],
    theirs: list[T],
    edge: Edge[T],
    judge: Callable[[T, T], Judgement],
    barred: set[frozenset[T]],
    cap: int,
) -> str:
    if len(ours) + len(theirs) > cap:
        return "size"
    if barred and any(frozenset((a, b)) in barred for a in ours for b in theirs):
        return "cannot_link"
    if edge.must:
        return ""
    doubt = agree = False
    for a in ours:
        for b in theirs:
            verdict = judge(a, b)
            if verdict.veto:
                return "veto"
            doubt, agree = doubt or verdict.doubt, agree or verdict.agree
    return "doubt" if doubt and not agree else ""
