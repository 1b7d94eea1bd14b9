"""From identifiers to the digests under which consent is kept."""

from collections.abc import Iterable
from uuid import UUID

from cdp.catalogue.identifiers import normalise
from cdp.vault import blind


class NoIdentifier(ValueError):
    """A value is no identifier of its kind. `position` says which of them."""

    def __init__(self, position: int) -> None:
        super().__init__("this is no value of its kind")
        self.position = position


def digests_for(identifiers: Iterable[tuple[str, str]], *, region: str, namespace: str = "main") -> tuple[UUID, ...]:
    """The evidence digests of (kind, raw value) pairs, as identity computes them: a user id belongs to a namespace.

    Raises NoIdentifier."""
    found = []
    for position, (kind, value) in enumerate(identifiers):
        spelt = normalise(kind, value, region=region)
        if spelt is None:
            raise NoIdentifier(position)
        found.append(blind.index(kind, f"{namespace}\0{spelt}" if kind == "user_id" else spelt))
    return tuple(dict.fromkeys(found))
