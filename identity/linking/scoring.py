"""Many pairs of a small table of records scored at once, by the engine's weights."""

from collections.abc import Sequence

import numpy as np

from identity.matching.model import Model, grained, rarities_of
from identity.matching.patterns import Comparer
from identity.matching.prepare import Prepared
from identity.matching.table import Table


class Scorer:
    """A model, ready to score."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._bits = [one.bits() for one in model.fields]
        self._frequent = [np.array((0.0, *one.frequent)) for one in model.fields]
        self._usual = [np.array((0.0, *one.usual)) for one in model.fields]

    def pairs(
        self, records: Sequence[Prepared], left: Sequence[int], right: Sequence[int]
    ) -> tuple[list[float], list[float]]:
        """Weight in bits, prior included, and probability of each pair of places in `records`."""
        table = Table.of(records)
        model = self.model
        rarities = {
            one.name: rarities_of(one, table.columns[one.name].values)
            for one in model.fields
            if one.name in table.columns
        }
        found = Comparer(table, model.compared, rarities).patterns(left, right)
        bits = np.full(len(found), model.prior_bits)
        for at in range(len(model.fields)):
            level = found.levels[:, at]
            bits += self._bits[at][level]
            bits += grained(self._frequent[at][level] * (found.rarity[:, at] - self._usual[at][level]))
        return bits.tolist(), (1 / (1 + np.exp2(-bits.clip(-200, 200)))).tolist()
