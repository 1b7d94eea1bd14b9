"""Why the model thinks that two records are one person, or not: the weights of what was compared, one after the other."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from identity import records
from identity.linking import active, comparable, refusals
from identity.models import Link
from identity.records import KeyMissing
from identity.rules import LABELS

if TYPE_CHECKING:
    from identity.matching.scoring import Match


@dataclass(frozen=True, slots=True)
class Explained:
    """`match` by the model of `version`; None where no model is in force, a record says nothing comparable,
    or a person refuses."""

    match: "Match | None"
    version: int | None


@dataclass(frozen=True, slots=True)
class Shared:
    """A value by which rules link two records: its kind, digest, and weight in bits."""

    kind: str
    digest: UUID | None
    bits: float


def explain(left: UUID, right: UUID, *, at: datetime) -> Explained:
    """Compares two records as they are now, unless one is of somebody who refuses that. Raises KeyMissing for a record that is
    erased."""
    model = active.current()
    if model is None:
        return Explained(None, None)
    found = records.by_id([left, right])
    if len(found) < 2:
        raise KeyMissing("a record of the pair is gone")
    refused = refusals.refused(found.values(), at=at)
    prepared = comparable.prepare([rec for id, rec in found.items() if id not in refused], model.model.reading)
    if len(prepared) < 2:
        return Explained(None, model.version)
    return Explained(model.scorer.explain(prepared[left], prepared[right]), model.version)


def shared(left: UUID, right: UUID) -> list[Shared]:
    """The links of shared values between two records, the strongest first."""
    low, high = sorted((left, right))
    rows = Link.objects.filter(left_id=low, right_id=high).exclude(rule="similar").order_by("-weight", "kind")
    return [Shared(LABELS[row.kind], row.digest, row.weight) for row in rows]
