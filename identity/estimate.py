"""How often merges are right, from what stewards answered about pairs drawn by chance. Pure."""

import math
from dataclasses import dataclass

_Z = 1.959963984540054  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval; `of` pairs were looked at."""

    value: float
    low: float
    high: float
    of: int


def wilson(hits: int, of: int) -> Share | None:
    """A share of answers with Wilson's score interval (E. B. Wilson, 1927), right for few answers and for shares near 0 or 1.
    None without answers."""
    if of == 0:
        return None
    p, z2 = hits / of, _Z * _Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return Share(p, max(0.0, middle - half), min(1.0, middle + half), of)


def recall(precision: Share, linked: int, missed: Share, doubtful: int) -> Share:
    """The share of true pairs that are linked. linked: pairs; missed: the share of one person's among the `doubtful` pairs that
    are not linked. The interval takes both at their ends, so it is rather too wide than too narrow."""

    def share(right: float, lost: float) -> float:
        found = linked * right
        return found / (found + doubtful * lost) if found + doubtful * lost else 1.0

    return Share(
        share(precision.value, missed.value), share(precision.low, missed.high), share(precision.high, missed.low),
        precision.of + missed.of,
    )  # fmt: skip
