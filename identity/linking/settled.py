"""What settling records came to."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Settled:
    """`touched`: records whose clusters may move. Counts of rows, links and questions that were made or withdrawn."""

    touched: set[UUID] = field(default_factory=set)
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
