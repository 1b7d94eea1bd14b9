"""What hangs together: connected components. Pure."""

from collections.abc import Iterable
from uuid import UUID


def components(ids: Iterable[UUID], pairs: Iterable[tuple[UUID, UUID]]) -> list[list[UUID]]:
    """These ids by what the pairs join, in the order in which each group's first id stands; pairs of others do not count."""
    parent = {id: id for id in ids}

    def root(id: UUID) -> UUID:
        while parent[id] != id:
            parent[id] = id = parent[parent[id]]
        return id

    for left, right in pairs:
        if left in parent and right in parent:
            parent[root(left)] = root(right)
    found: dict[UUID, list[UUID]] = {}
    for id in parent:
        found.setdefault(root(id), []).append(id)
    return list(found.values())
