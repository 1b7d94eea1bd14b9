"""Why two records are one person: the chain of links between them. Pure."""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

from identity.profiles import LinkView


def chain(links: Sequence[LinkView], start: UUID, end: UUID) -> list[LinkView] | None:
    """The links that lead from one record to another: as few as possible, and of those the strongest. None: no way."""
    near: dict[UUID, list[tuple[UUID, LinkView]]] = {}
    for link in sorted(links, key=lambda link: -link.weight):
        near.setdefault(link.left, []).append((link.right, link))
        near.setdefault(link.right, []).append((link.left, link))
    came: dict[UUID, tuple[UUID, LinkView] | None] = {start: None}
    queue = deque([start])
    while queue and end not in came:
        here = queue.popleft()
        for there, link in near.get(here, ()):
            if there not in came:
                came[there] = (here, link)
                queue.append(there)
    if end not in came:
        return None
    steps = []
    step = came[end]
    while step is not None:
        steps.append(step[1])
        step = came[step[0]]
    return steps[::-1]
