"""Keyed digests of field paths: how an undeclared key is counted without its name standing in clear."""

from uuid import UUID

from cdp.vault import blind

_KIND = "catalogue"


def of(scope: str, path: str) -> UUID:
    """The digest of one path of a scope; of an event's name with scope "event"."""
    return blind.index(_KIND, f"{scope}\0{path}")


def of_many(scope: str, names: list[str]) -> list[UUID]:
    """The digests of many paths of one scope, in their order."""
    return blind.index_many(_KIND, [f"{scope}\0{name}" for name in names])
