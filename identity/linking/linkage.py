"""Average linkage: whether two clusters are alike as wholes, by all pairs across them, candidates or not."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from uuid import UUID

from identity.linking.rows import Pair, Weight
from identity.linking.scoring import Scorer
from identity.matching.prepare import Prepared

LEAST = 0.5  # mean probability of the pairs across two clusters that are joined for likeness
_AT_ONCE = 5_000  # pairs of a component that are scored beforehand


class Linkage:
    """The probabilities of pairs inside components, scored in memory. Records of which nothing is compared have no say."""

    def __init__(
        self,
        scorer: Scorer,
        values: Mapping[UUID, Prepared],
        components: Sequence[Sequence[UUID]],
        known: Mapping[Pair, Weight],
    ) -> None:
        self._scorer, self._values = scorer, values
        self._known = {pair: probability for pair, (_, probability) in known.items()}
        told = [[id for id in nodes if id in self._values] for nodes in components]
        small = [nodes for nodes in told if len(nodes) * (len(nodes) - 1) // 2 <= _AT_ONCE]
        self._score(_pair(a, b) for nodes in small for a, b in combinations(nodes, 2))

    def alike(self, ours: list[UUID], theirs: list[UUID]) -> bool:
        """Whether the mean over pairs across is at least LEAST."""
        pairs = [_pair(a, b) for a in ours if a in self._values for b in theirs if b in self._values]
        self._score(pairs)
        # Summed in one order whatever the order of members: the sum must not depend on it by a bit.
        return sum(sorted(self._known[pair] for pair in pairs)) >= LEAST * len(pairs)

    def _score(self, pairs: Iterable[Pair]) -> None:
        missing = list(dict.fromkeys(pair for pair in pairs if pair not in self._known))
        if not missing:
            return
        places: dict[UUID, int] = {}
        for pair in missing:
            for id in pair:
                places.setdefault(id, len(places))
        _, chances = self._scorer.pairs(
            [self._values[id] for id in places], [places[a] for a, _ in missing], [places[b] for _, b in missing]
        )
        self._known.update(zip(missing, chances, strict=True))


def _pair(a: UUID, b: UUID) -> Pair:
    return (a, b) if a < b else (b, a)
