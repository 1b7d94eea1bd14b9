"""The most that pairs can weigh, from what is known of their values one by one. Pure.

Most pairs of a block are of strangers, and are seen to be so before anything is compared: what two records share is at most
as rare as the rarest that either has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from identity.matching.arrays import Number
from identity.matching.compare import COMPARISONS
from identity.matching.patterns import Comparer, Levels, Rarities

Bits = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]
_ABOVE = 1e-3  # float32 rounds


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a field, by level, 0 (missing) first: bits, how far rarity tells, the rarity that neither adds nor takes; and the
    factor that decisions taught."""

    bits: npt.NDArray[np.float64]
    far: npt.NDArray[np.float64]
    usual: npt.NDArray[np.float64]
    factor: float


class Bounds:
    """weights: of each of the comparer's fields."""

    def __init__(self, comparer: Comparer, weights: Sequence[Weights], rarities: Rarities) -> None:
        self.comparer, table = comparer, comparer.table
        # By field: (levels + 1, values) the most that a value can bring at each level.
        self._most: list[Bits] = []
        # What equal and what other values can bring, for each record and place of a value; pairs of places, by field.
        codes: list[npt.NDArray[np.int32]] = []
        equal: list[Bits] = []
        other: list[Bits] = []
        self._left: list[int] = []
        self._right: list[int] = []
        self._fields: list[int] = []
        for at, (name, how) in enumerate(comparer.fields.items()):
            self._most.append(_by_value(comparer, name, how, weights[at], rarities))
            if name not in comparer.vocabularies:
                continue
            held = table.columns[name].codes
            first, places = len(codes), range(held.shape[1])
            for a, b in product(places, repeat=2):
                self._left.append(first + a)
                self._right.append(first + b)
                self._fields.append(at)
            codes += [held[:, place] for place in places]
            for out, most in ((equal, self._most[-1][1]), (other, self._most[-1][2:].max(axis=0))):
                padded = np.append(most, np.float32(0))
                out += [padded[held[:, place]] for place in places]
        self._codes = _by_record(codes, table.size, np.int32)
        self._equal, self._other = (_by_record(one, table.size, np.float32) for one in (equal, other))

    def rough(self, left: Rows, right: Rows) -> Bits:
        """(pairs, fields): the most that each field can bring, as far as equality tells."""
        a, b = _columns(self._codes[left], self._left), _columns(self._codes[right], self._right)
        most = np.minimum(_columns(self._other[left], self._left), _columns(self._other[right], self._right))
        np.copyto(most, _columns(self._equal[left], self._left), where=a == b)
        np.copyto(most, np.float32(-np.inf), where=(a | b) < 0)
        return self._best(most)

    def at(self, field: int, levels: Levels, left: Rows, right: Rows) -> Bits:
        """(pairs,): the most that a field can bring at the level that was found."""
        name = list(self.comparer.fields)[field]
        out = np.full(len(levels), -np.inf, dtype=np.float32)
        if name in self.comparer.vocabularies:
            codes, most = self.comparer.table.columns[name].codes, self._most[field]
            for p, q in product(range(codes.shape[1]), repeat=2):
                a, b = codes[left, p], codes[right, q]
                both = (a >= 0) & (b >= 0)
                out = np.maximum(out, np.where(both, np.minimum(most[levels, a], most[levels, b]), -np.inf))
        return np.where(levels > 0, out, np.float32(0)).astype(np.float32)

    def _best(self, most: Bits) -> Bits:
        """The best of each field's pairs of places, 0 where it has none."""
        if len(set(self._fields)) < len(self._fields) or len(self._fields) < len(self._most):
            found = np.full((len(most), len(self._most)), -np.inf, dtype=np.float32)
            for at, field in enumerate(self._fields):
                np.maximum(found[:, field], most[:, at], out=found[:, field])
            most = found
        most[np.isneginf(most)] = 0
        return most


def _by_record(columns: Sequence[npt.NDArray[Number]], size: int, dtype: type[Number]) -> npt.NDArray[Number]:
    """(records, columns), the values of a record side by side in memory."""
    return np.ascontiguousarray(np.array(columns, dtype=dtype).reshape(-1, size).T)


def _columns(rows: npt.NDArray[Number], chosen: Sequence[int]) -> npt.NDArray[Number]:
    return rows if rows.shape[1] == len(chosen) else rows[:, chosen]


def _by_value(comparer: Comparer, name: str, how: str, weights: Weights, rarities: Rarities) -> Bits:
    shared = COMPARISONS[how].shared
    vocabulary = comparer.vocabularies.get(name)
    out = np.zeros((len(shared) + 1, len(vocabulary.values) if vocabulary else 0), dtype=np.float32)
    rarest: dict[str, npt.NDArray[np.float32]] = {}
    for level, (aspect, share) in enumerate(shared, start=1):
        extra: npt.NDArray[np.floating] | float = 0.0
        if share and vocabulary:
            if aspect not in rarest:
                codes = vocabulary.aspect(aspect)[0]
                rarest[aspect] = np.append(rarities[name, aspect], np.float32(0))[codes].max(axis=1)
            extra = weights.far[level] * (rarest[aspect] - weights.usual[level])
        out[level] = (weights.bits[level] + extra) * weights.factor + _ABOVE
    return out
