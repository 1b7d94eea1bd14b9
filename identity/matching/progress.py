"""How far a run is, told while it runs. Pure."""

from collections.abc import Callable

Say = Callable[[str, float], None]  # what is being done, and how much of all is done (0 to 1)
Part = Callable[[float], None]  # how much of one step is done (0 to 1)


def silent(what: str, done: float) -> None:
    """Says nothing."""


def unheard(done: float) -> None:
    """Says nothing of a step."""


def step(say: Say, what: str, start: float, end: float) -> Part:
    """Says that a step begins, which takes all from `start` to `end`, and gives what to tell its progress."""
    say(what, start)
    return lambda done: say(what, start + (end - start) * done)
