"""Whom a key that is limited to sources may ask about: people who have a record of one of them.

Who that is identity knows, which stands above; it registers how to ask it (as rooms register their holders)."""

from collections.abc import Callable, Collection
from uuid import UUID

from consent.rules import Decision

Known = Callable[[Collection[UUID], Collection[UUID]], bool]
# The same for whom nobody knows and for whom others know: else the key could find out who is somebody else's customer.
BEYOND = Decision(False, "unknown person: no source of this key knows anybody by these identifiers")

_known: list[Known] = []


def register(known: Known) -> None:
    """`known(digests, sources)`: do the digests lead to somebody of whom one of the sources has a record?"""
    _known[:] = [known]


def within(digests: Collection[UUID], sources: Collection[UUID] | None) -> bool:
    """May somebody who is limited to these sources (None: not limited) ask about whoever has these digests?"""
    return sources is None or any(known(digests, sources) for known in _known)
