"""Many pairs of a small table of records scored at once, by the engine; what can be worked out of the model alone is kept."""

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from identity.matching import scoring
from identity.matching.frequency import aspects
from identity.matching.model import Field, Model, hash64
from identity.matching.patterns import Comparer
from identity.matching.prepare import Prepared
from identity.matching.scoring import Match
from identity.matching.table import Table


class Scorer:
    """A model, ready to score."""

    def __init__(self, model: Model) -> None:
        self.model = model
        fields = {one.name: one for one in model.fields}
        self._rarities = {
            (name, aspect): _Rarities(fields[name], aspect) for name, aspect in aspects(model.compared.items())
        }

    def pairs(
        self, records: Sequence[Prepared], left: Sequence[int], right: Sequence[int]
    ) -> tuple[list[float], list[float]]:
        """Weight in bits, prior included, and probability of each pair of places in `records`."""
        bits = self._scorer(records).bits(np.asarray(left), np.asarray(right))
        return bits.tolist(), scoring.probabilities(bits).tolist()

    def explain(self, one: Prepared, other: Prepared) -> Match:
        """Two records, with the waterfall."""
        return self._scorer([one, other]).matches([0], [1])[0]

    def best(self, ours: Sequence[Prepared], theirs: Sequence[Prepared]) -> dict[str, tuple[str, float]]:
        """Field -> level and bits of what speaks most for one person, of all pairs across two groups; without fields of which
        either group says nothing. Kin and the prior apart."""
        records, many = [*ours, *theirs], len(ours)
        pairs = [(a, many + b) for a in range(many) for b in range(len(theirs))]
        levels, bits, rarity, _ = self._scorer(records).pieces([a for a, _ in pairs], [b for _, b in pairs])
        total = np.where(levels > 0, bits + rarity, -np.inf)
        found = {}
        for at, one in enumerate(self.model.fields):
            row = int(total[:, at].argmax())
            if level := int(levels[row, at]):
                found[one.name] = one.levels[level - 1], float(total[row, at])
        return found

    def _scorer(self, records: Sequence[Prepared]) -> scoring.Scorer:
        table = Table.of(records)
        comparer = Comparer(table, self.model.compared)
        rarities = {
            key: one.of(comparer.vocabularies[key[0]].aspect(key[1])[1])
            for key, one in self._rarities.items()
            if key[0] in comparer.vocabularies
        }
        return scoring.Scorer(self.model, table, comparer, rarities)


class _Rarities:
    """How rare texts are, as Field.rarity, without reading the model's tables again each time."""

    def __init__(self, one: Field, aspect: str) -> None:
        self._rarest = one.rarest.get(aspect, 0.0)
        self._hashes = np.frombuffer(base64.b64decode(one.hashes.get(aspect, "")), dtype="<u8")
        self._shares = np.frombuffer(base64.b64decode(one.rarities.get(aspect, "")), dtype="<f4")

    def of(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """float32, one of each text."""
        out = np.full(len(texts), self._rarest, dtype=np.float32)
        if len(self._hashes) and texts:
            wanted = np.fromiter(map(hash64, texts), dtype=np.uint64, count=len(texts))
            at = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
            known = self._hashes[at] == wanted
            out[known] = self._shares[at[known]]
        return out
