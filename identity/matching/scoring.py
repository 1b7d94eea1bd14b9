"""Weights of pairs, for whole tables and for one record against its candidates, equal to the bit. Pure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from identity.matching.arrays import in_chunks
from identity.matching.bounds import Bits, Bounds, Weights
from identity.matching.compare import COMPARISONS
from identity.matching.frequency import aspects
from identity.matching.learn import by_chance, extras, unknown
from identity.matching.model import Floats, Model, grained
from identity.matching.patterns import Comparer, Levels, Rarities, Rows
from identity.matching.prepare import Prepared
from identity.matching.progress import Part as Told
from identity.matching.progress import unheard
from identity.matching.table import Table

Ints = npt.NDArray[np.integer]
_CHUNK = 1 << 16  # pairs at once: what stays in a processor's cache
_FEW = 64  # so many pairs are compared sooner than it is found out which of them are hopeless
HOPELESS = -10.0  # bits: odds of a thousandth


class Part(Struct, frozen=True):
    """One bar of the waterfall. bits: what the level weighs; rarity_bits: what the rarity of the shared value adds to it.

    field "prior": the odds before anything is known. field "kin": taken off because two people of one household (or of one
    name ...) would agree so too. field "labels": the offset that decisions of people taught."""

    field: str
    level: str
    bits: float
    rarity_bits: float = 0.0


class Match(Struct, frozen=True):
    """Two records compared. weight_bits is the sum of the parts: log2 of the odds that they are of one person."""

    weight_bits: float
    probability: float
    parts: tuple[Part, ...]


class Scorer:
    """Scores pairs of a table's rows by a model. rarities: those of the table itself where the model was just learnt from
    it."""

    def __init__(
        self, model: Model, table: Table, comparer: Comparer | None = None, rarities: Rarities | None = None
    ) -> None:
        self.model = model
        self.comparer = comparer or Comparer(table, model.compared)
        self.rarities = rarities if rarities is not None else self._rarities()
        self._bits = [grained(one.bits()) for one in model.fields]
        self._kin = {
            relation: [one.bits(one.kin[relation]) if relation in one.kin else None for one in model.fields]
            for relation in model.related
        }
        names = [one.name for one in model.fields]
        self._none: dict[int, Floats] = {}
        for row, at in unknown(names, self._kin):
            relation = list(self._kin)[row - 1]
            if (column := self._kin[relation][at]) is not None:
                self._kin[relation][at], self._none[at] = by_chance(column, model.related[relation])
        self._tells = extras(names, self._kin)
        self._far = [np.array([0.0, *(share for _, share in COMPARISONS[one.compared].shared)]) for one in model.fields]
        self._usual = [np.array([0.0, *one.usual]) for one in model.fields]

    def _rarities(self) -> Rarities:
        fields = {one.name: one for one in self.model.fields}
        return {
            (name, aspect): fields[name].rarity(aspect, self.comparer.vocabularies[name].aspect(aspect)[1])
            for name, aspect in aspects(self.model.compared.items())
            if name in self.comparer.vocabularies
        }

    def pieces(self, left: Rows, right: Rows, levels: Levels | None = None) -> tuple[Levels, Floats, Floats, Floats]:
        """levels (pairs, fields), bits of levels, bits of rarity (both as levels), bits taken off for kin (pairs,)."""
        i, j = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
        levels = self.comparer.levels(i, j) if levels is None else levels
        rarity = self.comparer.rarity(levels, i, j, self.rarities)
        bits, extra = np.zeros(levels.shape), np.zeros(levels.shape)
        for at in range(levels.shape[1]):
            level = levels[:, at]
            bits[:, at] = self._bits[at][level]
            extra[:, at] = grained(self._far[at][level] * (rarity[:, at] - self._usual[at][level]))
        return levels, bits, extra, self._kin_bits(levels, extra)

    def _kin_bits(self, levels: Levels, extra: Floats) -> Floats:
        """Odds of being kin of some kind, or nobody's, against being nobody's: taken off."""
        total = np.ones(len(levels))
        for at, rest in self._none.items():
            total = total * np.exp2(rest[levels[:, at]])
        for row, (relation, columns) in enumerate(self._kin.items(), start=1):
            bits = extra @ self._tells[row] + np.log2(
                max(self.model.related[relation], 1e-300) / (1 - self.model.prior)
            )
            for at, column in enumerate(columns):
                if column is not None:
                    bits = bits + column[levels[:, at]]
            total = total + np.exp2(bits.clip(-300, 300))
        return grained(-np.log2(total))

    def bits(self, left: Rows, right: Rows, told: Told = unheard) -> npt.NDArray[np.float32]:
        """(pairs,) float32: log2 of the odds. Pairs that cannot reach HOPELESS, whatever they share, get what they could
        reach at most as far as they were compared: most pairs of a block are such, and need not be compared in full."""
        i, j = np.asarray(left), np.asarray(right)
        out = np.zeros(len(i), dtype=np.float32)
        if len(i) <= _FEW:
            out[:] = self._total(*self.pieces(i, j)[1:])
            return out
        bounds = self._bounds()

        def weigh(cut: slice) -> None:
            out[cut] = self._weigh(i[cut], j[cut], bounds)

        in_chunks(len(i), _CHUNK, weigh, told)
        return out

    def _weigh(self, i: Ints, j: Ints, bounds: Bounds) -> Bits:
        """The fields one after another, of pairs that still may reach HOPELESS."""
        most = bounds.rough(i, j)
        reach = np.full(len(i), self._start(), dtype=np.float32)
        for at in range(most.shape[1]):
            reach += most[:, at]
        hope = np.flatnonzero(reach >= HOPELESS)
        i, j, most = i[hope], j[hope], most[hope]
        levels = np.zeros(most.shape, dtype=np.uint8)
        for step in self.comparer.steps:
            self.comparer.fill(levels, step, i, j)
            for at in step:
                reach[hope] += bounds.at(at, levels[:, at], i, j) - most[:, at]
            kept = reach[hope] >= HOPELESS
            hope, i, j, most, levels = hope[kept], i[kept], j[kept], most[kept], levels[kept]
        _, bits, extra, kin = self.pieces(i, j, levels)
        reach[hope] = self._total(bits, extra, kin)
        return reach

    def _start(self) -> float:
        return self.model.prior_bits + self._stage()[2]

    def _bounds(self) -> Bounds:
        factors = self._stage()[0]
        weights = [
            Weights(bits, far, usual, float(factor))
            for bits, far, usual, factor in zip(self._bits, self._far, self._usual, factors, strict=True)
        ]
        return Bounds(self.comparer, weights, self.rarities)

    def _total(self, bits: Floats, extra: Floats, kin: Floats) -> Floats:
        factors, kin_factor, offset = self._stage()
        return np.asarray(
            grained((bits + extra) * factors).sum(axis=1) + grained(kin * kin_factor) + offset + self.model.prior_bits
        )

    def _stage(self) -> tuple[Floats, float, float]:
        stage = self.model.stage
        if stage is None:
            return np.ones(len(self.model.fields)), 1.0, 0.0
        factors = np.array([stage.scale.get(one.name, 1.0) for one in self.model.fields])
        return factors, stage.scale.get("kin", 1.0), float(grained(stage.offset))

    def matches(self, left: Rows, right: Rows) -> list[Match]:
        """With the waterfall of each pair."""
        levels, bits, extra, kin = self.pieces(left, right)
        factors, kin_factor, offset = self._stage()
        bits, extra, kin = (
            grained(bits * factors),
            grained((bits + extra) * factors) - grained(bits * factors),
            grained(kin * kin_factor),
        )
        found = []
        for row in range(len(levels)):
            parts = [Part("prior", "", self.model.prior_bits)]
            for at, one in enumerate(self.model.fields):
                if level := int(levels[row, at]):
                    parts.append(Part(one.name, one.levels[level - 1], float(bits[row, at]), float(extra[row, at])))
            parts.append(Part("kin", "", float(kin[row])))
            if self.model.stage is not None:
                parts.append(Part("labels", "", offset))
            weight = sum(part.bits + part.rarity_bits for part in parts)
            found.append(Match(weight, probability(weight), tuple(parts)))
        return found


def probability(bits: float) -> float:
    """From log2 odds, to 6 decimals."""
    return float(probabilities(np.array([bits]))[0])


def probabilities(bits: npt.NDArray[np.floating]) -> Floats:
    """From log2 odds, to multiples of 2**-20, so that sums of them are exact."""
    return np.asarray(np.round(1 / (1 + np.exp2(-bits.astype(np.float64).clip(-200, 200))) * 2**20) / 2**20)


def score_many(model: Model, one: Prepared, candidates: Sequence[Prepared]) -> list[Match]:
    """One record against its candidates."""
    if not candidates:
        return []
    table = Table.of([one, *candidates])
    return Scorer(model, table).matches(np.zeros(len(candidates), dtype=np.int64), np.arange(1, len(candidates) + 1))


def score(model: Model, a: Prepared, b: Prepared) -> Match:
    """Two records; symmetric."""
    return score_many(model, a, [b])[0]
