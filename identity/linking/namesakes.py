"""What likeness says for one person beside name and place: two namesakes of one town agree in those, and need not in more.

A rare name in a small town is strong evidence, as long as people are named by chance; sons are not, and nobody counts them. So
where likeness alone joins, what is left without it is worth a look.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from identity.linking import comparable, refusals
from identity.linking.active import Active
from identity.matching.prepare import Prepared
from identity.records import Rec

_SAID = frozenset(("given_name", "family_name", "gender", "city", "postcode", "region", "country"))
# Mailboxes are made of names, and numbers and streets of one town are alike: of these only what is equal tells.
_ALIKE = frozenset(("email", "phone", "street"))
_MOST = 40  # records of a side that are compared


def prepared(active: Active, recs: Iterable[Rec], *, at: datetime) -> dict[UUID, Prepared]:
    """What is compared of these records; without those of people who refuse it."""
    known = list(recs)
    refused = refusals.refused(known, at=at)
    return comparable.prepare([rec for rec in known if rec.id not in refused], active.model.reading)


def beside(active: Active, values: Mapping[UUID, Prepared], ours: Collection[UUID], theirs: Collection[UUID]) -> float:
    """Bits for one person (below 0: for two) of all that two groups of records tell beside name and place; 0 where they tell no
    more."""
    one, two = ([values[id] for id in sorted(side) if id in values][:_MOST] for side in (ours, theirs))
    if not one or not two:
        return 0.0
    found = active.scorer.best(one, two)
    return sum(
        min(bits, 0.0) if name in _ALIKE and level != "equal" else bits
        for name, (level, bits) in found.items()
        if name not in _SAID
    )
