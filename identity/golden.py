"""The golden record: which of several records' values stands for the person, by attribute. Pure.

Survivorship: a value that a steward typed first, then the attribute's rule (`identity.strategies`). The result depends on the
set of records alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from identity.strategies import (
    DEFAULT,
    DEFAULTS,
    LATEST,
    MANUAL,
    UNION,
    Candidate,
    Contribution,
    Rule,
    choose,
    latest,
    united,
)
from identity.traits import leaves, whole

__all__ = ["Contribution", "Golden", "Survivor", "golden", "stands", "survivors"]


@dataclass(frozen=True, slots=True)
class Survivor:
    """A trait's golden value, and why. `value` is the whole; `fact` and `rest` its parts (None: it has no such part).
    `source`: whose value it is. `records`: of a union, all that have a part in it."""

    trait: str
    value: Any
    fact: list[Any] | None
    rest: list[Any] | None
    record: UUID
    source: UUID
    rule: str
    at: str
    records: tuple[UUID, ...] = ()


@dataclass(slots=True)
class Golden:
    """`facts` {path: value}; `provenance` {path: {record, rule, at}} of facts and declared identifying traits; that of a union
    also names all its `records`."""

    facts: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict)


def survivors(contributions: Sequence[Contribution], rules: Mapping[str, Rule] = DEFAULTS) -> list[Survivor]:
    """The golden value of every trait that has one, sorted by trait. A trait last said to be null has none there.

    `rules`: by trait; DEFAULT for a trait that it does not name."""
    by_trait: dict[str, list[Candidate]] = {}
    for said in contributions:
        for trait in {**said.facts, **said.sealed}:
            candidate = _candidate(said, trait)
            if candidate is not None:
                by_trait.setdefault(trait, []).append(candidate)
    return [_survivor(trait, by_trait[trait], rules.get(trait, DEFAULT)) for trait in sorted(by_trait)]


def stands(trait: str, contributions: Sequence[Contribution], rule: Rule) -> Survivor | None:
    """The golden value of one trait by a rule; None if it has none."""
    found = [_candidate(said, trait) for said in contributions if trait in said.facts or trait in said.sealed]
    candidates = [it for it in found if it is not None]
    return _survivor(trait, candidates, rule) if candidates else None


def _candidate(said: Contribution, trait: str) -> Candidate | None:
    value = whole(said.facts, said.sealed, trait)
    if value is None or value == "":
        return None
    return Candidate(said, value, "", (said.facts.get(trait) or said.sealed[trait])[1])


def _survivor(trait: str, candidates: list[Candidate], rule: Rule) -> Survivor:
    if len(candidates) == 1:
        winner = candidates[0]
        decided = MANUAL if winner.said.manual else "only_value"
    else:
        typed = [it for it in candidates if it.said.manual]
        if typed:
            winner, decided = choose(trait, LATEST, typed)[0], MANUAL
        elif rule.steps == (UNION,):
            return _union(trait, candidates)
        else:
            winner, decided = choose(trait, rule, candidates)
    said = winner.said
    fact, rest = said.facts.get(trait), said.sealed.get(trait)
    return Survivor(trait, winner.value, fact, rest, said.record, said.order[0], decided, winner.at)


def _union(trait: str, candidates: list[Candidate]) -> Survivor:
    """All values in one list. Where some are of the declared type, those of another type, which are sealed, have no part."""
    facts = [it for it in candidates if trait in it.said.facts]
    parts = sorted(facts or candidates, key=lambda it: it.said.order)
    last, value = latest(parts), united(parts)
    stamped = [value, last.at]
    return Survivor(
        trait, value, stamped if facts else None, None if facts else stamped, last.said.record, last.said.order[0],
        UNION, last.at, tuple(it.said.record for it in parts),
    )  # fmt: skip


def golden(
    contributions: Sequence[Contribution], rules: Mapping[str, Rule] = DEFAULTS, *, declared: Callable[[str], bool]
) -> Golden:
    """What may be kept of the golden record in clear. `declared(path)`: the name of a sealed trait may stand in clear."""
    result = Golden()
    for survivor in survivors(contributions, rules):
        why: dict[str, Any] = {"record": str(survivor.record), "rule": survivor.rule, "at": survivor.at}
        if survivor.records:
            why["records"] = [str(record) for record in survivor.records]
        if survivor.fact is not None:
            for path, value in leaves(survivor.trait, survivor.fact[0]):
                result.facts[path] = value
                result.provenance[path] = why
        if survivor.rest is not None:
            for path, _ in leaves(survivor.trait, survivor.rest[0]):
                if declared(path):
                    result.provenance[path] = why
    return result
