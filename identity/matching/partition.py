"""Clusters of records from the probabilities of pairs. Pure, and the same for any order of nodes and edges.

Connected components chain strangers together. So inside a component clusters grow by average linkage: the two with the
highest mean probability across are joined, as long as it reaches the threshold; pairs that were not scored count as 0. The
mean is taken of probabilities, so one sure link cannot outvote three denials, as it could with a mean of weights.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from identity.matching.linkage import average

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Partition:
    """cluster: for each node the smallest node of its cluster. certainty: mean probability of a node's pairs within its
    cluster; for one that is alone, the chance that it is none of its candidates'. weak: joins that were nearly not made,
    (low, high, mean) of the two clusters' smallest nodes. refused: joins that a constraint forbade."""

    cluster: Ints
    certainty: Floats
    weak: list[tuple[int, int, float]] = field(default_factory=list)
    refused: list[tuple[int, int, float]] = field(default_factory=list)


def partition(
    size: int,
    left: npt.NDArray[np.integer],
    right: npt.NDArray[np.integer],
    probability: Floats,
    *,
    threshold: float,
    must: Iterable[tuple[int, int]] = (),
    cannot: Iterable[tuple[int, int]] = (),
    exclusive: Sequence[Ints] = (),
) -> Partition:
    """Clusters nodes 0..size-1.

    left, right, probability: scored pairs, each at most once. must, cannot: pairs that people decided; cannot wins.
    exclusive: for each fact that one person has but once (a verified id ...), its code for each node, -1 where unknown: two
    nodes with different codes are never together, unless a must says so.
    """
    i, j, p = (
        np.asarray(left, dtype=np.int64),
        np.asarray(right, dtype=np.int64),
        np.asarray(probability, dtype=np.float64),
    )
    must, barred = sorted({(min(a, b), max(a, b)) for a, b in must}), {(min(a, b), max(a, b)) for a, b in cannot}
    strong = p >= threshold
    ties = np.array(must, dtype=np.int64).reshape(-1, 2)
    component = components(size, np.concatenate((i[strong], ties[:, 0])), np.concatenate((j[strong], ties[:, 1])))
    inside = (component[i] == component[j]) & (p > 0)
    found = Partition(np.arange(size, dtype=np.int64), np.ones(size))
    _grow(found, component, i[inside], j[inside], p[inside], threshold, must, barred, exclusive)
    _certainty(found, i, j, p)
    return found


def components(size: int, left: Ints, right: Ints) -> Ints:
    """The smallest node of each node's connected component, by min-label hooking and pointer jumping."""
    label = np.arange(size, dtype=np.int64)
    a, b = left, right
    while len(a):
        low = np.minimum(label[a], label[b])
        np.minimum.at(label, label[a], low)
        np.minimum.at(label, label[b], low)
        while True:
            jumped = label[label]
            if np.array_equal(jumped, label):
                break
            label = jumped
        open_ = label[a] != label[b]
        a, b = a[open_], b[open_]
    return label


def _grow(
    found: Partition, component: Ints, i: Ints, j: Ints, p: Floats, threshold: float,
    must: list[tuple[int, int]], barred: set[tuple[int, int]], exclusive: Sequence[Ints],
) -> None:  # fmt: skip
    """Fills found.cluster, weak and refused."""
    home = component[i]
    sizes = np.bincount(component, minlength=len(component))
    decided = np.zeros(len(component), dtype=bool)
    for pairs in (must, barred):
        for pair in pairs:
            decided[component[list(pair)]] = True
    for codes in exclusive:
        decided[component[codes >= 0]] = True
    # Where all pairs are strong, any order of joins ends in one cluster.
    strong = np.bincount(home[p >= threshold], minlength=len(component))
    whole = (sizes > 1) & (strong == sizes * (sizes - 1) // 2) & ~decided
    plain = whole[component]
    found.cluster[plain] = component[plain]
    free = ~whole[home] & ~decided[home]
    first, second = np.minimum(i[free], j[free]), np.maximum(i[free], j[free])
    for low, high, mean in average(component, first, second, p[free], threshold):
        # A cluster that is joined to another was found by its smallest node until now.
        found.cluster[high] = low
        weak = mean < (1 + threshold) / 2
        found.weak += zip(low[weak].tolist(), high[weak].tolist(), mean[weak].tolist(), strict=True)
    while not np.array_equal(jumped := found.cluster[found.cluster], found.cluster):
        found.cluster[:] = jumped
    rest = np.flatnonzero(decided[home])
    order = rest[np.argsort(home[rest], kind="stable")]
    cuts = np.flatnonzero(np.diff(home[order])) + 1
    ties: dict[int, list[tuple[int, int]]] = {}
    for pair in must:
        ties.setdefault(int(component[pair[0]]), []).append(pair)
    for chosen in np.split(order, cuts) if len(order) else []:
        tied = ties.pop(int(home[chosen[0]]), [])
        _Growth(found, barred, exclusive, threshold).run(
            i[chosen].tolist(), j[chosen].tolist(), p[chosen].tolist(), tied
        )
    for tied in ties.values():
        _Growth(found, barred, exclusive, threshold).run([], [], [], tied)


class _Growth:
    """Average linkage within one component. Clusters are named by their smallest node."""

    def __init__(
        self, found: Partition, barred: set[tuple[int, int]], exclusive: Sequence[Ints], threshold: float
    ) -> None:
        self.found, self.barred, self.exclusive, self.threshold = found, barred, exclusive, threshold
        self.members: dict[int, list[int]] = {}
        self.sums: dict[int, dict[int, float]] = {}
        self.heap: list[tuple[float, int, int, int, int]] = []

    def run(self, left: list[int], right: list[int], p: list[float], must: list[tuple[int, int]]) -> None:
        for node in {*left, *right, *(node for pair in must for node in pair)}:
            self.members[node], self.sums[node] = [node], {}
        for a, b, chance in zip(left, right, p, strict=True):
            self.sums[a][b] = self.sums[b][a] = chance
        self._tie(must)
        for a, near in self.sums.items():
            for b in near:
                if a < b:
                    self._offer(a, b)
        heapq.heapify(self.heap)
        while self.heap:
            mean, a, b, of_a, of_b = heapq.heappop(self.heap)
            if len(self.members.get(a, ())) == of_a and len(self.members.get(b, ())) == of_b:
                self._consider(a, b, -mean)
        for low, members in self.members.items():
            self.found.cluster[members] = low

    def _tie(self, must: list[tuple[int, int]]) -> None:
        at = {node: node for node in self.members}
        for a, b in must:
            low, high = sorted((at[a], at[b]))
            if low != high and not self._barred(low, high):
                self._join(low, high)
                at.update(dict.fromkeys(self.members[low], low))

    def _offer(self, a: int, b: int) -> None:
        sizes = len(self.members[a]), len(self.members[b])
        mean = self.sums[a][b] / (sizes[0] * sizes[1])
        if mean >= self.threshold:
            self.heap.append((-mean, a, b, *sizes) if a < b else (-mean, b, a, *sizes[::-1]))

    def _consider(self, low: int, high: int, mean: float) -> None:
        if self._barred(low, high) or self._apart(low, high):
            self.found.refused.append((low, high, mean))
            return
        if mean < (1 + self.threshold) / 2:
            self.found.weak.append((low, high, mean))
        self._join(low, high)
        start = len(self.heap)
        for other in self.sums[low]:
            self._offer(low, other)
        fresh = self.heap[start:]
        del self.heap[start:]
        for one in fresh:
            heapq.heappush(self.heap, one)

    def _join(self, low: int, high: int) -> None:
        self.members[low] += self.members.pop(high)
        ours, theirs = self.sums[low], self.sums.pop(high)
        ours.pop(high, None)
        for other, total in theirs.items():
            if other != low:
                del self.sums[other][high]
                ours[other] = self.sums[other][low] = ours.get(other, 0.0) + total

    def _barred(self, low: int, high: int) -> bool:
        return bool(self.barred) and any(
            (min(a, b), max(a, b)) in self.barred for a in self.members[low] for b in self.members[high]
        )

    def _apart(self, low: int, high: int) -> bool:
        for codes in self.exclusive:
            ours, theirs = ({int(c) for c in codes[self.members[x]] if c >= 0} for x in (low, high))
            if ours and theirs and ours != theirs:
                return True
        return False


def _certainty(found: Partition, i: Ints, j: Ints, p: Floats) -> None:
    size = len(found.cluster)
    together = found.cluster[i] == found.cluster[j]
    sums = np.bincount(i[together], weights=p[together], minlength=size) + np.bincount(
        j[together], weights=p[together], minlength=size
    )
    others = np.bincount(found.cluster, minlength=size)[found.cluster] - 1
    nearest = np.zeros(size)
    np.maximum.at(nearest, i, p)
    np.maximum.at(nearest, j, p)
    found.certainty = np.where(others > 0, sums / np.maximum(others, 1), 1 - nearest)
