"""A model whose weights are plain to see, in force: what the live half does with likeness, whatever the engine learnt."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from cdp.audit import Actor
from consent.purposes import ensure_purpose
from identity.linking import active, index
from identity.linking.comparable import PURPOSE
from identity.matching.prepare import COMPARED, Reading
from identity.models import MatchModel

FIELDS = {
    name: how
    for name, how in COMPARED.items()
    if name not in ("occupation", "birth_place", "city", "region", "country")
}
# field -> bits when equal, when different
WEIGHTS = {
    "given_name": (4, -4), "family_name": (4, -4), "date_of_birth": (8, -7), "postcode": (3, -1), "email": (9, -1),
    "phone": (7, -1),
}  # fmt: skip
PRIOR = -9.0


class PlainScorer:
    """Adds the weights of equal and different fields."""

    def pairs(self, records, left, right):
        """As identity.linking.scoring.Scorer."""
        bits = [self._bits(records[a].values, records[b].values) for a, b in zip(left, right, strict=True)]
        return bits, [1 / (1 + 2**-it) for it in bits]

    def best(self, ours, theirs):
        """As identity.linking.scoring.Scorer."""
        found = {}
        for field, (equal, differ) in WEIGHTS.items():
            pairs = [
                (a.values[field], b.values[field]) for a in ours for b in theirs if {field} <= {*a.values} & {*b.values}
            ]
            if pairs:
                same = any(set(a) & set(b) for a, b in pairs)
                found[field] = ("equal", equal) if same else ("different", differ)
        return found

    def _bits(self, a, b):
        return PRIOR + sum(
            equal if set(a[field]) & set(b[field]) else differ
            for field, (equal, differ) in WEIGHTS.items()
            if field in a and field in b
        )


@contextmanager
def in_force(
    *, threshold: float = 0.9, review_from: float = 0.3, limit: int = index.LIMIT, version: int = 1
) -> Iterator[None]:
    """A model in force for as long as the block lasts. In a transaction, or in a test that rolls back."""
    ensure_purpose(PURPOSE, basis="legitimate_interests", by=Actor("system", "test"))
    row = MatchModel.objects.create(
        version=version, state="active", threshold=threshold, review_from=review_from, actor="test", sealed=b""
    )
    model = SimpleNamespace(
        id=row.id, version=version, model=SimpleNamespace(reading=Reading(), compared=FIELDS), rules=index.rules_of(FIELDS),
        digest=index.digester(bytes([version]) * 32), scorer=PlainScorer(), threshold=threshold, review_from=review_from,
    )  # fmt: skip
    with mock.patch.object(active, "current", return_value=model), mock.patch.object(index, "LIMIT", limit):
        yield
