"""Why two records are one person: the chain of links between them. Pure."""

from collections import deque
from collections.abc import Sequence
from uuid import UUID

from identity.profiles import LinkView
from identity.suspects import Pair, spanning


def chain(links: Sequence[LinkView], start: UUID, end: UUID) -> list[LinkView] | None:
    """The links that lead from one record to another by the strongest way: that of which the weakest step weighs most (a path of
    the maximum spanning tree). Each step by the strongest of its links. None: no way."""
    best: dict[Pair, LinkView] = {}
    weights: dict[Pair, float] = {}
    for link in sorted(links, key=lambda link: -link.weight):
        best.setdefault((link.left, link.right), link)
        weights[link.left, link.right] = weights.get((link.left, link.right), 0.0) + link.weight
    near: dict[UUID, list[tuple[UUID, LinkView]]] = {}
    for (left, right), _ in spanning(weights):
        near.setdefault(left, []).append((right, best[left, right]))
        near.setdefault(right, []).append((left, best[left, right]))
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
