"""Strategies of survivorship: which of several values of one attribute stands for the person. Pure.

A rule is a list of steps: each keeps the best of what the one before left, until what is left agrees. If it never does, the
greater value stands, so that a tie is decided the same everywhere. Nothing here knows in which order records arrived.
A damaged value (U+FFFD where signs were lost) is asked only when there is no other.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from identity.names import BORN, FAMILY, FULL, GIVEN
from identity.traits import Stamped, canonical, damaged

MANUAL, UNION = "manual", "union"
MOST_STEPS = 5


class InvalidRule(ValueError):
    """A rule that makes no sense; `field` (steps, sources, attribute) says where, the text what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Rule:
    """`steps`: names of STRATEGIES in their order. `sources`: the attribute's own order for `source_priority`, the best first;
    all others come after them, by the priority that they have for everything."""

    steps: tuple[str, ...]
    sources: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """One record of the cluster, or what a steward typed (`manual`). `order` is the same however records arrived, and begins
    with the source; `priority` is its source's."""

    record: UUID
    order: tuple[UUID, UUID]
    priority: int
    manual: bool
    facts: Stamped
    sealed: Stamped


@dataclass(slots=True)
class Candidate:
    """One value of an attribute. `text`: its canonical JSON, filled when values are compared."""

    said: Contribution
    value: Any
    text: str
    at: str


_NAMES = ("source_priority", "well_written", "most_frequent", "longest", "most_recent")
_STABLE = ("source_priority", "most_frequent", "most_recent")
DEFAULT = Rule(("source_priority", "most_recent"))
LATEST = Rule(("most_recent",))
# Names and birth dates do not move with time, a slip does: the many outweigh the last. All else is as last said.
DEFAULTS: Mapping[str, Rule] = {
    **dict.fromkeys((*GIVEN, *FAMILY, *FULL), Rule(_NAMES)),
    **dict.fromkeys((*BORN, "gender"), Rule(_STABLE)),
    **dict.fromkeys(("createdAt", "created_at"), Rule(("source_priority", "earliest_value", "most_recent"))),
}

Rank = Callable[[str, Rule, Sequence[Candidate]], list[Any]]


def choose(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The value that stands, and the step that decided: before the first "agreed", or "undamaged" where those agree that are
    not damaged; after the last "greater_value"."""
    left, decided = [it for it in candidates if not damaged(it.value)] or list(candidates), ""
    same = _same(left)
    if not same:
        for candidate in left:
            candidate.text = canonical(candidate.value)
    if same or _agreed(left):
        decided = "agreed" if len(left) == len(candidates) else "undamaged"
    else:
        for step in rule.steps:
            left = _best(STRATEGIES[step](trait, rule, left), left)
            if _agreed(left):
                decided = step
                break
        else:
            top = max(candidate.text for candidate in left)
            left, decided = [candidate for candidate in left if candidate.text == top], "greater_value"
    return latest(left), decided


def latest(candidates: Sequence[Candidate]) -> Candidate:
    """The one observed last."""
    last = max(candidate.at for candidate in candidates)
    return min((it for it in candidates if it.at == last), key=lambda it: it.said.order)


def united(candidates: Sequence[Candidate]) -> list[Any]:
    """Every member of every list once, in the order of their canonical JSON; what is no list is its own member."""
    members = {}
    for candidate in candidates:
        for it in candidate.value if isinstance(candidate.value, list) else [candidate.value]:
            members[canonical(it)] = it
    return [members[text] for text in sorted(members)]


def _same(candidates: Sequence[Candidate]) -> bool:
    """Whether all say the same text, which most do: seen without canonical JSON."""
    first = candidates[0].value
    return isinstance(first, str) and all(it.value == first for it in candidates)


def _agreed(candidates: Sequence[Candidate]) -> bool:
    first = candidates[0].text
    return all(candidate.text == first for candidate in candidates)


def _best(ranks: list[Any], candidates: Sequence[Candidate]) -> list[Candidate]:
    top = max(ranks)
    return [candidate for rank, candidate in zip(ranks, candidates, strict=True) if rank == top]


def _priority(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
    place = {source: -number for number, source in enumerate(rule.sources)}
    last = -len(rule.sources)
    return [(place.get(it.said.order[0], last), it.said.priority) for it in candidates]


def _frequency(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> list[int]:
    counts = Counter(it.text.casefold() for it in candidates)
    return [counts[it.text.casefold()] for it in candidates]


def _well_written(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> list[bool]:
    return [isinstance(c.value, str) and c.value not in (c.value.upper(), c.value.lower()) for c in candidates]


def _earliest(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> list[bool]:
    first = min(it.text for it in candidates)
    return [it.text == first for it in candidates]


def _verified(trait: str, rule: Rule, candidates: Sequence[Candidate]) -> list[bool]:
    return [_is_verified(trait, it) for it in candidates]


def _is_verified(trait: str, candidate: Candidate) -> bool:
    """Whether the record says so of this value: `email_verified` (OpenID Connect Core 1.0, section 5.1) or `emailVerified`,
    said with the value or after it. What was verified before a newer value came says nothing of that."""
    for name in (f"{trait}_verified", f"{trait}Verified"):
        said = candidate.said.facts.get(name) or candidate.said.sealed.get(name)
        if said is not None and said[1] >= candidate.at and str(said[0]).casefold() in ("true", "yes", "1"):
            return True
    return False


STRATEGIES: Mapping[str, Rank] = {
    "source_priority": _priority,
    "most_recent": lambda trait, rule, found: [it.at for it in found],
    "most_frequent": _frequency,
    "longest": lambda trait, rule, found: [len(it.text) for it in found],
    "verified_first": _verified,
    "well_written": _well_written,
    "earliest_value": _earliest,
}


def check(rule: Rule, *, is_list: bool) -> None:
    """Raises InvalidRule. `is_list`: the attribute is declared as a list."""
    if not rule.steps:
        raise InvalidRule("steps", "A rule has at least one step.")
    unknown = [step for step in rule.steps if step not in STRATEGIES and step != UNION]
    if unknown:
        raise InvalidRule("steps", f"A step is one of {', '.join([*STRATEGIES, UNION])}.")
    if len(set(rule.steps)) < len(rule.steps) or len(rule.steps) > MOST_STEPS:
        raise InvalidRule("steps", f"Name each step once, and at most {MOST_STEPS} of them.")
    if UNION in rule.steps and (len(rule.steps) > 1 or not is_list):
        raise InvalidRule(
            "steps", "Union stands alone, and is for attributes whose declared type is list: others have one value."
        )
    if rule.sources and "source_priority" not in rule.steps:
        raise InvalidRule(
            "sources", "An order of sources is used by the step source_priority only: add it, or leave the order out."
        )
    if len(set(rule.sources)) < len(rule.sources):
        raise InvalidRule("sources", "Name each source once.")
