"""The model in force, opened once in a process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from cdp.catalogue import snapshot
from cdp.vault import keys, sealed
from cdp.vault.aad import aad
from identity.models import MatchModel

# The engine is imported by whoever has a model: it is large, and most processes never score.
if TYPE_CHECKING:
    from identity.linking.index import Rule
    from identity.linking.scoring import Scorer
    from identity.matching.model import Model

_KEY = "matching"
_current: tuple[object, "Active | None"] = (None, None)


@dataclass(frozen=True)
class Active:
    """A model with what the live flow needs of it."""

    id: UUID
    version: int
    model: "Model"
    threshold: float
    review_from: float
    blocking: tuple[tuple[str, ...], ...] = ()  # rules that were chosen from the data

    @cached_property
    def rules(self) -> "tuple[Rule, ...]":
        """Its blocking rules."""
        from identity.linking import index

        return index.rules_of(self.model.compared, self.blocking)

    @cached_property
    def digest(self) -> Callable[[str], int]:
        """What makes a blocking key of a rule's spelling. Another version's keys are others: both can stand side by side."""
        from identity.linking import index

        return index.digester(keys.system(_KEY).derive(f"blocking {self.version}"))

    @cached_property
    def scorer(self) -> "Scorer":
        """Its scorer."""
        from identity.linking.scoring import Scorer

        return Scorer(self.model)


def current() -> Active | None:
    """The model in force, if any. Remembered with the catalogue's snapshot, so that it costs no query and is at most a second
    behind: `activation` begins later than that."""
    global _current
    catalogue = snapshot.current()
    if _current[0] is not catalogue:
        row = MatchModel.objects.filter(state=MatchModel.State.ACTIVE).first()
        known = _current[1]
        if (
            row is not None
            and known is not None
            and known.id == row.id
            and _settings(row) == (known.threshold, known.review_from)
        ):
            _current = (catalogue, known)
        else:
            _current = (catalogue, opened(row) if row else None)
    return _current[1]


def _settings(row: MatchModel) -> tuple[float, float]:
    return row.threshold, row.review_from


def opened(row: MatchModel) -> Active:
    """A version's model. Raises Unsealable, matching.model.Unreadable, and ValueError where training has not ended."""
    from identity.matching.model import Model

    if row.sealed is None:
        raise ValueError(f"{row} has no model: its training has not ended")
    text = sealed.unseal(keys.system(_KEY), bytes(row.sealed), aad=aad("identity_matchmodel", row.id, "sealed"))
    blocking = tuple(tuple(rule.split("+")) for rule in row.summary.get("blocking", {}).get("rules", ()))
    return Active(row.id, row.version, Model.from_json(text), row.threshold, row.review_from, blocking)


def seal(row_id: UUID, model: "Model") -> bytes:
    """A model as it is stored."""
    return sealed.seal(keys.system(_KEY), model.to_json().decode(), aad=aad("identity_matchmodel", row_id, "sealed"))
