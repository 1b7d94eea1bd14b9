"""Which blocking rules the live flow uses, chosen from the data: together they find nearly all likely pairs, each at few
candidates a record. Pure.

Greedy cover: the rule that adds most likely pairs for its candidates comes next. What a block may hold is scaled down to the
sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from identity.linking import index
from identity.matching.blocking import Part, part_codes, parts_of
from identity.matching.training import Trained

Rule = tuple[str, ...]
MOST = 12  # rules: each is a row of the index for each record
_GAIN = 0.002  # a rule that adds a smaller share of the likely pairs is not worth its rows
_CANDIDATES = 10.0  # of one rule, a record, on the average
_LIKELY = 0.5
_SAMPLED = 30_000  # likely pairs that are looked at
_COARSE = ("given_name", "family_name")  # written as they are: the parts that go by sound find more


@dataclass(slots=True)
class Chosen:
    """rules, and the share of likely pairs that they bring together."""

    rules: list[Rule]
    found: float


def choose(trained: Trained, chances: npt.NDArray[np.float64], *, base: int) -> Chosen:
    """chances: of the blocked pairs. base: how many records there are in all, of which the table may be a sample."""
    likely = np.flatnonzero(chances >= _LIKELY)
    if not len(likely):
        return Chosen([], 1.0)
    likely = likely[:: max(len(likely) // _SAMPLED, 1)]
    scene = _Scene(trained, likely, chances[likely], scale=max(base / max(trained.table.size, 1), 1.0))
    open_, rules = np.ones(len(likely), dtype=bool), list[Rule]()
    pool = scene.pool()
    while len(rules) < MOST:
        gains = {rule: float(scene.weight[open_ & found].sum()) for rule, (found, _) in pool.items()}
        worthy = {rule: gain for rule, gain in gains.items() if gain >= _GAIN * scene.total}
        if not worthy:
            break
        best = max(worthy, key=lambda rule: (worthy[rule] / (1 + pool[rule][1]), rule))
        rules.append(best)
        open_ &= ~pool.pop(best)[0]
    return Chosen(rules, round(1 - float(scene.weight[open_].sum()) / scene.total, 4))


class _Scene:
    """What each part says of the likely pairs, and how large its blocks are."""

    def __init__(
        self, trained: Trained, likely: npt.NDArray[np.int64], weight: npt.NDArray[np.float64], *, scale: float
    ) -> None:
        self.size, self.scale = trained.table.size, scale
        self.weight, self.total = weight, float(weight.sum())
        self.left, self.right = trained.blocked.left[likely], trained.blocked.right[likely]
        parts = [part for part in parts_of(trained.model.compared) if part.name not in _COARSE]
        self.parts = [part for part in parts if part.field in trained.table.columns]
        self.codes = {part.name: part_codes(trained.table, part)[:, 0] for part in self.parts}

    def pool(self) -> dict[Rule, tuple[npt.NDArray[np.bool_], float]]:
        """Rule -> (the likely pairs that it finds, candidates a record), for those that are not too wide. Of one, two or three
        parts: three where two alone are too wide."""
        found: dict[Rule, tuple[npt.NDArray[np.bool_], float]] = {}
        wide: list[tuple[Part, ...]] = []
        for depth in (1, 2):
            for chosen in combinations(self.parts, depth):
                if self._sensible(chosen) and not self._judge(chosen, found):
                    wide.append(chosen)
        for pair in [one for one in wide if len(one) == 2]:
            for part in self.parts:
                chosen = (*pair, part)
                if self._sensible(chosen) and all(part.name > one.name for one in pair):
                    self._judge(chosen, found)
        return found

    def _sensible(self, chosen: Sequence[Part]) -> bool:
        return len({part.field for part in chosen}) == len(chosen)

    def _judge(self, chosen: Sequence[Part], found: dict[Rule, tuple[npt.NDArray[np.bool_], float]]) -> bool:
        """Whether most of what a rule could find is in blocks that are narrow enough; if so it is kept."""
        codes = self.codes[chosen[0].name].astype(np.int64)
        for part in chosen[1:]:
            more = self.codes[part.name]
            known = (codes >= 0) & (more >= 0)
            codes = np.where(known, codes * (int(more.max(initial=0)) + 1) + more, -1)
            codes = np.unique(codes, return_inverse=True)[1] - int((codes < 0).any())
        sizes = np.bincount(codes[codes >= 0], minlength=1)
        narrow = sizes * self.scale <= index.LIMIT
        held = sizes[narrow]
        candidates = float((held * (held - 1)).sum()) / max(self.size, 1) * self.scale
        own, other = codes[self.left], codes[self.right]
        agree = (own == other) & (own >= 0)
        useful = agree & narrow[np.maximum(own, 0)]
        if candidates > _CANDIDATES or useful.sum() < 0.5 * max(agree.sum(), 1):
            return False
        found[tuple(part.name for part in chosen)] = (useful, candidates)
        return True
