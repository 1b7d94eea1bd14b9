"""Average linkage over many components at once. Pure.

In every round each two clusters that are nearest to each other are joined, wherever they are. As a mean over two clusters
never exceeds the greater of their means, what is so joined is what would be joined one by one from the nearest two on
(reducibility; Bruynooghe 1978).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Joins = tuple[Ints, Ints, Floats]  # clusters' smallest nodes, low and high, and the mean between them


def average(home: Ints, i: Ints, j: Ints, p: Floats, threshold: float) -> Iterator[Joins]:
    """The joins of each round. home: each node's component; i < j, p: pairs, each once; a pair that is not there counts as
    0."""
    members = np.ones(len(home), dtype=np.int64)
    low, high, total = i, j, p
    while len(low):
        mean = total / (members[low] * members[high])
        near = np.flatnonzero(mean >= threshold)
        near = near[np.lexsort((high[near], low[near], -mean[near]))]
        joined = near[_mutual(low[near], high[near], len(home))]
        if len(joined):
            yield low[joined], high[joined], mean[joined]
        open_ = np.zeros(len(home), dtype=bool)
        open_[home[low[near]]] = True
        kept = open_[home[low]]
        kept[joined] = False
        into = np.arange(len(home))
        into[high[joined]] = low[joined]
        members[low[joined]] += members[high[joined]]
        low, high, total = _summed(into[low[kept]], into[high[kept]], total[kept], len(home))


def _mutual(low: Ints, high: Ints, size: int) -> npt.NDArray[np.bool_]:
    """Which pairs, from the nearest on, are the first of both their clusters."""
    rank = np.arange(len(low))
    first = np.zeros(size, dtype=np.int64)
    # Of several that are written to one place, the last stays.
    first[np.stack((low, high), axis=1)[::-1].ravel()] = np.repeat(rank[::-1], 2)
    return np.asarray((first[low] == rank) & (first[high] == rank))


def _summed(a: Ints, b: Ints, total: Floats, size: int) -> tuple[Ints, Ints, Floats]:
    """Pairs of clusters once each, with what was between their parts."""
    keys = np.minimum(a, b) * size + np.maximum(a, b)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.zeros(0, np.int64)
    sums = np.add.reduceat(total[order], starts) if len(keys) else total
    return keys[starts] // size, keys[starts] % size, sums
