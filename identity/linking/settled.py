"""What settling records came to."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from identity.matching.prepare import Prepared


@dataclass(slots=True)
class Settled:
    """`touched`: records whose clusters may move. `prepared`: what is compared of the records that were looked at.
    Counts of rows, links and questions that were made or withdrawn."""

    touched: set[UUID] = field(default_factory=set)
    prepared: "dict[UUID, Prepared | None]" = field(default_factory=dict)
    rows: int = 0
    made: int = 0
    withdrawn: int = 0
    asked: int = 0
    closed: int = 0

    @property
    def differences(self) -> int:
        """How many rows are not as they were."""
        return self.rows + self.made + self.withdrawn + self.asked + self.closed


NOTHING = Settled()
