"""What a run of linking found, in figures that a person can judge it by. Pure, and without personal values but for junk."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.matching.blocking import Rule
from identity.matching.linking import Linked

_BARS = 8


@dataclass(slots=True)
class Summary:
    """records, clusters, pairs: how many. sizes: (label, clusters of that size). histogram: (least bits, pairs) of scored
    pairs. precision, recall: as the model itself estimates them for pairs at the threshold. suggested: the threshold with
    the best F1 so estimated. crowded: rules whose blocks were too large. junk: (field, value, how often) that was found to
    say nothing."""

    records: int
    clusters: int
    pairs: int
    sizes: list[tuple[str, int]]
    histogram: list[tuple[int, int]]
    precision: float
    recall: float
    suggested: float
    unsure: int
    weak: int
    crowded: list[Rule]
    junk: list[tuple[str, str]]
    filled: list[tuple[str, str, float, float]]


def summarise(linked: Linked) -> Summary:
    """Sums up a run."""
    sizes = np.bincount(np.bincount(linked.partition.cluster)[np.unique(linked.partition.cluster)])
    p = linked.probability
    precision, recall, suggested = _estimates(linked)
    edges, counts = linked.histogram
    shown = [(int(low), int(n)) for low, n in zip(edges[:-1], counts, strict=True)]
    crowded = sorted(
        (rule for rule in linked.blocked.rules if rule.retired), key=lambda rule: (-rule.largest, rule.name)
    )
    return Summary(
        records=linked.table.size,
        clusters=len(np.unique(linked.partition.cluster)),
        pairs=len(linked.blocked.left),
        sizes=_banded(sizes),
        histogram=_trimmed(shown),
        precision=precision,
        recall=recall,
        suggested=suggested,
        unsure=int(((p > 0.2) & (p < 0.8)).sum()),
        weak=len(linked.partition.weak),
        crowded=[rule for rule in crowded if "+" not in rule.name][:_BARS],
        junk=[(name, value) for name, values in linked.model.reading.junk.items() for value in values],
        filled=_filled(linked),
    )


def _banded(sizes: npt.NDArray[np.int64]) -> list[tuple[str, int]]:
    bands = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (10, 19), (20, 49), (50, 199), (200, max(len(sizes), 201)))
    found = [
        (str(low) if low == high else f"{low}-{high}", int(sizes[low : high + 1].sum())) for low, high in bands[:-1]
    ]
    found.append(("200+", int(sizes[200:].sum())))
    return [(label, n) for label, n in found if n]


def _trimmed(bars: list[tuple[int, int]]) -> list[tuple[int, int]]:
    filled = [at for at, (_, n) in enumerate(bars) if n]
    return bars[filled[0] : filled[-1] + 1] if filled else []


def _estimates(linked: Linked) -> tuple[float, float, float]:
    """From calibrated probabilities: of the pairs at or above t, the mean is the precision; their sum over all sums, the
    recall."""
    p = np.sort(linked.probability)[::-1]
    if not len(p) or p.sum() == 0:
        return 1.0, 1.0, linked.threshold
    right = np.cumsum(p)
    f1 = 2 * right / (np.arange(1, len(p) + 1) + right[-1])
    # Within clusters the mean over many pairs decides, which is steadier than one pair: hence the lower of the two.
    suggested = float(min(max(p[int(np.argmax(f1))], 0.2), linked.model.threshold))
    taken = linked.partition.cluster[linked.left] == linked.partition.cluster[linked.right]
    inside = float(linked.probability[taken].sum())
    return inside / max(int(taken.sum()), 1), inside / float(right[-1]), round(suggested, 2)


def _filled(linked: Linked) -> list[tuple[str, str, float, float]]:
    """(field, how compared, share of records that have it, bits of the strongest level)."""
    found = []
    for one in linked.model.fields:
        column = linked.table.columns.get(one.name)
        share = float((column.codes >= 0).any(axis=1).mean()) if column is not None else 0.0
        found.append((one.name, one.compared, share, float(one.bits()[1])))
    return found


def doubtful(linked: Linked, count: int) -> npt.NDArray[np.int64]:
    """Places of the pairs to explain: the surest match, then those nearest to even odds, one of each cluster first."""
    p = linked.probability
    if not len(p) or count < 1:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(np.abs(p - 0.5), kind="stable")
    return np.concatenate(([int(np.argmax(p))], order[order != int(np.argmax(p))][: count - 1])).astype(np.int64)
