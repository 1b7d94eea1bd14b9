"""The registry of holders: who keeps personal data, and how each finds, exports, erases and purges its own share.

Each room registers its holder in `AppConfig.ready()`; a test fails for a model with sealed fields, facts or digests of
persons that no holder claims.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class Holder(Protocol):
    """One owner of personal data."""

    @property
    def name(self) -> str:
        """The holder's name in reports and certificates."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models it answers for, as `app_label.modelname`."""

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many rows are about these records."""

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """What is kept about these records, opened, as plain JSON types."""

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes what is about these records, in the caller's transaction where it has rows there; how many rows."""

    def purge(self, now: datetime) -> int:
        """Deletes what has outlived its use at `now`; how many rows."""


class ByNobody:
    """The base of a holder whose rows cannot be found by record: they are sealed, and go when their time is over (`purge`)."""

    def find(self, record_ids: Iterable[UUID]) -> int:
        """Nothing is kept by record."""
        return 0

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """Nothing is kept by record."""
        yield from ()

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Nothing is kept by record."""
        return 0


_holders: dict[str, Holder] = {}
_before: dict[str, str] = {}


def register(holder: Holder, *, before: str = "") -> None:
    """Adds a holder. Raises ValueError when another one has its name or claims one of its models.

    `before`: the name of a holder above it that deletes what this one needs to find its own share, and so must erase later."""
    for other in _holders.values():
        if other.name == holder.name or set(other.models) & set(holder.models):
            raise ValueError(f"holder {holder.name}: its name or one of its models is already held by {other.name}")
    _holders[holder.name] = holder
    if before:
        _before[holder.name] = before


def all_holders() -> tuple[Holder, ...]:
    """All holders in the order in which they must erase: the rooms above first, the vault's keys last."""
    order = list(reversed(_holders))
    for name, later in _before.items():
        if later in order and order.index(later) < order.index(name):
            order.remove(name)
            order.insert(order.index(later), name)
    return tuple(_holders[name] for name in order)
