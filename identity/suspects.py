"""Profiles that may be more than one person: what their records say of names, birth dates and ids does not go together. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from identity import names
from identity.names import Person
from identity.rules import Holder

T = TypeVar("T")
Pair = tuple[UUID, UUID]
MANY = 12  # records; a person with more is looked at
# How much each contradiction weighs in the order of the list. An order of looking, no probability.
GIVEN, BORN, SUFFIX, FAMILY, IDS, WEAK = 5.0, 5.0, 4.0, 2.0, 1.5, 3.0
WEAK_BITS = 12.0  # what holds a profile together with less than this is one shared device


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What does not go together: counts by reason, how much it weighs, and the two records to ask about first.

    Reasons: given_names, family_names, birth_dates (how many that cannot be one), suffixes, verified_ids (the most ids of one
    kind that one source has for it), records, weak_link (bits)."""

    reasons: dict[str, int] = field(default_factory=dict)
    weight: float = 0.0
    pair: Pair | None = None


def suspect(holders: Sequence[Holder], edges: dict[Pair, float]) -> Suspicion:
    """Judges the records of one profile. edges: pairs joined by links or by a decision -> bits, of a decision infinite."""
    persons = {holder.person for holder in holders}
    counts = {
        "given_names": _kinds(
            {it.given for it in persons if it.given}, lambda a, b: names.same_given(a, b) is not False
        ),
        "birth_dates": _kinds(
            {it.born for it in persons if it.born}, lambda a, b: names.same_birth(a, b) != "different"
        ),
        "suffixes": len({it.suffix for it in persons if it.suffix}),
        "family_names": _kinds({it.family for it in persons if it.family}, lambda a, b: bool(names.same_family(a, b))),
        "verified_ids": max(Counter((it.source_id, it.key_kind) for it in holders if it.strong).values(), default=0),
    }
    each = {"given_names": GIVEN, "birth_dates": BORN, "suffixes": SUFFIX, "family_names": FAMILY, "verified_ids": IDS}
    reasons = {name: n for name, n in counts.items() if n > 1}
    weight = sum(each[name] * math.log2(n) for name, n in reasons.items())
    if len(holders) > MANY:
        reasons["records"] = len(holders)
        weight += math.log2(len(holders) / MANY)
    weakest = min(spanning(edges), key=lambda edge: edge[1], default=None)
    if weakest is not None and weakest[1] < WEAK_BITS and len(persons) > 1:
        reasons["weak_link"] = round(weakest[1])
        weight += WEAK * (1 - max(weakest[1], 0) / WEAK_BITS)
    return Suspicion(reasons, weight, _first(holders, edges, weakest)) if reasons else Suspicion()


def _kinds(values: set[T], alike: Callable[[T, T], bool]) -> int:
    """How many groups of values there are of which none can be the same as one of another group."""
    groups: list[list[T]] = []
    for value in sorted(values, key=str):
        near = [group for group in groups if any(alike(value, other) for other in group)]
        groups = [group for group in groups if group not in near] + [[value, *(it for group in near for it in group)]]
    return len(groups)


def spanning(edges: dict[Pair, float]) -> list[tuple[Pair, float]]:
    """The strongest links that hold all of it together (Kruskal's maximum spanning forest)."""
    parent: dict[UUID, UUID] = {}

    def root(id: UUID) -> UUID:
        parent.setdefault(id, id)
        while parent[id] != id:
            parent[id] = id = parent[parent[id]]
        return id

    kept = []
    for pair, bits in sorted(edges.items(), key=lambda edge: (-edge[1], edge[0])):
        left, right = root(pair[0]), root(pair[1])
        if left != right:
            parent[left] = right
            kept.append((pair, bits))
    return kept


def _first(holders: Sequence[Holder], edges: dict[Pair, float], weakest: tuple[Pair, float] | None) -> Pair | None:
    """The pair to ask about: the weakest link across a contradiction; else any contradiction; else the weakest link."""
    said = {holder.id: holder.person for holder in holders}
    across = sorted((bits, pair) for pair, bits in edges.items() if set(pair) <= said.keys() and _against(said, pair))
    if across:
        return across[0][1]
    ids = sorted(said)[:60]
    apart = [(a, b) for at, a in enumerate(ids) for b in ids[at + 1 :] if _against(said, (a, b))]
    if apart:
        return apart[0]
    return weakest[0] if weakest else None


def _against(said: dict[UUID, Person], pair: Pair) -> bool:
    found = names.compare(said[pair[0]], said[pair[1]])
    return found.conflict or (found.given is not True and found.family is False)


def contradicting(holders: Sequence[Holder]) -> set[UUID]:
    """The records that contradict the person whom most of the records speak of."""
    said = {holder.id: holder.person for holder in holders}
    against = {a: {b for b in said if b != a and _against(said, (a, b))} for a in said}
    if not any(against.values()):
        return set()
    core = min((id for id in said if said[id] != names.NOBODY), key=lambda id: (len(against[id]), id))
    return against[core]
