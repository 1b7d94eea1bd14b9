"""The golden record: which of several records' values stands for the person, by attribute. Pure.

Survivorship: a steward's own value first, then the source of the highest priority, then the rules of the attribute. The
result depends on the set of records alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from identity.names import BORN, FAMILY, FULL, GIVEN
from identity.traits import Stamped, canonical, leaves, whole

_NAMES = ("well_written", "most_frequent", "longest", "most_recent")
_STABLE = ("most_frequent", "most_recent")
# Names and birth dates do not move with time, a slip does: the many outweigh the last. All else is as last said.
RULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*GIVEN, *FAMILY, *FULL), _NAMES),
    **dict.fromkeys((*BORN, "gender"), _STABLE),
    **dict.fromkeys(("createdAt", "created_at"), ("earliest_value", "most_recent")),
}
DEFAULT = ("most_recent",)
ALWAYS = ("manual", "source_priority")


@dataclass(frozen=True, slots=True)
class Contribution:
    """One record of the cluster. `order` is the same however records arrived; `priority` is its source's."""

    record: UUID
    order: tuple[UUID, UUID]
    priority: int
    manual: bool
    facts: Stamped
    sealed: Stamped


@dataclass(frozen=True, slots=True)
class Survivor:
    """A trait's golden value, and why. `value` is the whole; `fact` and `rest` its parts (None: it has no such part)."""

    trait: str
    value: Any
    fact: list[Any] | None
    rest: list[Any] | None
    record: UUID
    rule: str
    at: str


@dataclass(slots=True)
class Golden:
    """`facts` {path: value}; `provenance` {path: {record, rule, at}} of facts and declared identifying traits."""

    facts: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    said: Contribution
    value: Any
    text: str
    at: str


def survivors(contributions: Sequence[Contribution], rules: Mapping[str, tuple[str, ...]] = RULES) -> list[Survivor]:
    """The golden value of every trait that has one, sorted by trait. A trait last said to be null has none there.

    `rules`: those of a trait, after the ones that ALWAYS come first; DEFAULT for a trait that it does not name."""
    by_trait: dict[str, list[_Candidate]] = {}
    for said in contributions:
        for trait in {**said.facts, **said.sealed}:
            value = whole(said.facts, said.sealed, trait)
            if value is None or value == "":
                continue
            at = (said.facts.get(trait) or said.sealed[trait])[1]
            by_trait.setdefault(trait, []).append(_Candidate(said, value, "", at))
    return [_survivor(trait, by_trait[trait], rules.get(trait, DEFAULT)) for trait in sorted(by_trait)]


def _survivor(trait: str, candidates: list[_Candidate], rules: tuple[str, ...]) -> Survivor:
    if len(candidates) == 1:
        winner, rule = candidates[0], "only_value"
    else:
        winner, rule = _choose(rules, candidates)
    said = winner.said
    return Survivor(
        trait, winner.value, said.facts.get(trait), said.sealed.get(trait), record=said.record, rule=rule, at=winner.at
    )


def _choose(rules: tuple[str, ...], candidates: list[_Candidate]) -> tuple[_Candidate, str]:
    for candidate in candidates:
        candidate.text = canonical(candidate.value)
    left, decided = candidates, ""
    if _agreed(left):
        decided = "agreed"
    else:
        for rule in (*ALWAYS, *rules):
            left = _best(_RANK[rule](left), left)
            if _agreed(left):
                decided = rule
                break
        else:
            top = max(candidate.text for candidate in left)
            left, decided = [candidate for candidate in left if candidate.text == top], "greater_value"
    latest = max(candidate.at for candidate in left)
    return min((c for c in left if c.at == latest), key=lambda c: c.said.order), decided


def _agreed(candidates: list[_Candidate]) -> bool:
    first = candidates[0].text
    return all(candidate.text == first for candidate in candidates)


def _best(ranks: list[Any], candidates: list[_Candidate]) -> list[_Candidate]:
    top = max(ranks)
    return [candidate for rank, candidate in zip(ranks, candidates, strict=True) if rank == top]


def _frequency(candidates: list[_Candidate]) -> list[int]:
    counts = Counter(candidate.text.casefold() for candidate in candidates)
    return [counts[candidate.text.casefold()] for candidate in candidates]


def _well_written(candidates: list[_Candidate]) -> list[bool]:
    return [isinstance(c.value, str) and c.value not in (c.value.upper(), c.value.lower()) for c in candidates]


def _earliest(candidates: list[_Candidate]) -> list[bool]:
    first = min(candidate.text for candidate in candidates)
    return [candidate.text == first for candidate in candidates]


_RANK: Mapping[str, Callable[[list[_Candidate]], list[Any]]] = {
    "manual": lambda found: [candidate.said.manual for candidate in found],
    "source_priority": lambda found: [candidate.said.priority for candidate in found],
    "most_recent": lambda found: [candidate.at for candidate in found],
    "most_frequent": _frequency,
    "longest": lambda found: [len(candidate.text) for candidate in found],
    "well_written": _well_written,
    "earliest_value": _earliest,
}


def golden(contributions: Sequence[Contribution], *, declared: Callable[[str], bool]) -> Golden:
    """What may be kept of the golden record in clear. `declared(path)`: the name of a sealed trait may stand in clear."""
    result = Golden()
    for survivor in survivors(contributions):
        why = {"record": str(survivor.record), "rule": survivor.rule, "at": survivor.at}
        if survivor.fact is not None:
            for path, value in leaves(survivor.trait, survivor.fact[0]):
                result.facts[path] = value
                result.provenance[path] = why
        if survivor.rest is not None:
            for path, _ in leaves(survivor.trait, survivor.rest[0]):
                if declared(path):
                    result.provenance[path] = why
    return result
