"""What pairs of records say field by field: levels, and how rare what they share is. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from identity.matching.compare import COMPARISONS
from identity.matching.table import Codes, Table
from identity.matching.vocabulary import Vocabulary

Ints = npt.NDArray[np.integer]
Levels = npt.NDArray[np.uint8]
Rarity = npt.NDArray[np.float32]
# (field, aspect) -> -log2 of the share of people who have each text of the aspect, in the vocabulary's order.
Rarities = Mapping[tuple[str, str], Rarity]
Rows = Sequence[int] | npt.NDArray[np.integer]

_CHUNK = 1_000_000  # pairs at once
_CROSSED = {"given": 9, "family": 7}  # the level "in the other name"
# How fields are compared, from the cheapest.
_COSTS = ("category", "date", "phone", "postcode", "code", "given", "family", "email", "street", "text")
_STRAIGHT = {"given": 7, "family": 5}  # what is at least so much alike is not looked for in the other name


class Comparer:
    """Compares pairs of one table's records. fields: name -> how compared."""

    def __init__(self, table: Table, fields: Mapping[str, str]) -> None:
        self.table, self.fields = table, dict(fields)
        self.vocabularies = {name: Vocabulary(table.columns[name].values) for name in fields if name in table.columns}
        self._crossing = self._crossings()
        self.steps = self._steps()

    def levels(self, left: Rows, right: Rows) -> Levels:
        """(pairs, fields): the level of each pair of rows in each field; of several values the two that are most alike
        count."""
        out = np.zeros((len(left), len(self.fields)), dtype=np.uint8)
        for at in range(0, len(left), _CHUNK):
            cut = slice(at, at + _CHUNK)
            i, j = np.asarray(left[cut], dtype=np.int64), np.asarray(right[cut], dtype=np.int64)
            for step in self.steps:
                self.fill(out[cut], step, i, j)
        return out

    def fill(self, out: Levels, step: Sequence[int], i: Ints, j: Ints) -> None:
        """The levels of one of the `steps`, into its columns of `out` (pairs, fields), which hold 0."""
        names = list(self.fields)
        for at in step:
            for a, b in self._places(names[at], i, j):
                found = self._judge(names[at], a, b)
                better = (found > 0) & ((out[:, at] == 0) | (found < out[:, at]))
                out[better, at] = found[better]
        if len(step) > 1:
            self._cross(out, i, j)

    def _steps(self) -> list[list[int]]:
        """The places of fields in the order in which they are compared, the cheapest first; given and family names are
        compared together, since they may be exchanged."""
        names = list(self.fields)
        crossed = [names.index(name) for name in self._crossing[:2]] if self._crossing else []
        order = sorted(range(len(names)), key=lambda at: _COSTS.index(self.fields[names[at]]))
        return [[at] if at not in crossed else crossed for at in order if at not in crossed[1:]]

    def rarity(self, levels: Levels, left: Rows, right: Rows, rarities: Rarities) -> Rarity:
        """(pairs, fields): how rare what the pairs share is, in bits; 0 where a level does not ask. `levels` as by `levels`."""
        i, j = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
        out = np.zeros(levels.shape, dtype=np.float32)
        for at, (name, how) in enumerate(self.fields.items()):
            for level, (aspect, share) in enumerate(COMPARISONS[how].shared, start=1):
                which = np.flatnonzero(levels[:, at] == level) if share else np.zeros(0, dtype=np.int64)
                if len(which):
                    out[which, at] = self._shared(name, aspect, level, i[which], j[which], rarities[name, aspect])
        return out

    def _shared(self, name: str, aspect: str, level: int, i: Ints, j: Ints, rarities: Rarity) -> Rarity:
        """The rarest of what is shared at this level."""
        codes = self.vocabularies[name].aspect(aspect)[0]
        best = np.zeros(len(i), dtype=np.float32)
        several = self.table.columns[name].codes.shape[1] > 1
        for left, right in self._places(name, i, j):
            here = np.zeros(len(i), dtype=np.float32)
            if aspect == "value":
                here = np.minimum(rarities[codes[left, 0]], rarities[codes[right, 0]])
            else:
                for p, q in product(range(codes.shape[1]), repeat=2):
                    both = (codes[left, p] == codes[right, q]) & (codes[left, p] >= 0)
                    here[both] = np.maximum(here[both], rarities[codes[left[both], p]])
            if several:
                here[self._judge(name, left, right) != level] = 0
            best = np.maximum(best, here)
        return best

    def _places(self, name: str, i: Rows, j: Rows) -> Iterator[tuple[Codes, Codes]]:
        """The codes of every choice of one value on either side."""
        if name in self.vocabularies:
            codes = self.table.columns[name].codes
            for a, b in product(range(codes.shape[1]), repeat=2):
                yield codes[i, a], codes[j, b]

    def _judge(self, name: str, left: Codes, right: Codes) -> Levels:
        return COMPARISONS[self.fields[name]].of(self.vocabularies[name], left, right)

    def _crossings(self) -> tuple[str, str, Ints, Ints] | None:
        """Codes of each record's first given name and last family name in one numbering: who exchanged them is found so."""
        by = {how: name for name, how in self.fields.items() if how in _CROSSED and name in self.vocabularies}
        if len(by) < 2:
            return None
        given, family = self.table.columns[by["given"]], self.table.columns[by["family"]]
        places: dict[str, int] = {}
        first = [places.setdefault(v.partition(" ")[0], len(places)) for v in given.values]
        last = [places.setdefault(v.rpartition(" ")[2], len(places)) for v in family.values]
        firsts = np.array([*first, -1], dtype=np.int64)[given.codes[:, 0]]
        return by["given"], by["family"], firsts, np.array([*last, -2], dtype=np.int64)[family.codes[:, 0]]

    def _cross(self, levels: Levels, i: Ints, j: Ints) -> None:
        if self._crossing is None:
            return
        given, family, first, last = self._crossing
        hit = (first[i] == last[j]) | (first[j] == last[i])
        names = list(self.fields)
        for name, how in ((given, "given"), (family, "family")):
            at = names.index(name)
            levels[hit & (levels[:, at] > _STRAIGHT[how]), at] = _CROSSED[how]
