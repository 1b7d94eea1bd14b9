"""What is known of a group: what each source said last of every trait, and which of that stands. Pure.

Both are functions of the set of statements alone, however they arrived: within a source the latest wins (ties: the greater
canonical JSON), between sources the one of the highest priority, then the latest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from identity.golden import Contribution, Survivor, survivors
from identity.strategies import Rule
from identity.traits import Stamped, leaves, moves, take

Said = tuple[str, Mapping[str, Any], Mapping[str, Any]]  # time observed, facts, the rest: of one statement
# Names and dates of a company move with time as all else does: no rules by attribute, as a person's have.
_RULES: Mapping[str, Rule] = {}


@dataclass(slots=True)
class Sources:
    """{source: {trait: [value, time]}}, in two parts: `facts` may stand in clear, `sealed` may not."""

    facts: dict[str, Stamped] = field(default_factory=dict)
    sealed: dict[str, Stamped] = field(default_factory=dict)

    def moved_by(self, source: UUID, said: Said) -> bool:
        """Would a statement change anything?"""
        key = source.hex
        return any(True for _ in moves(self.facts.get(key, {}), self.sealed.get(key, {}), said))

    def take(self, source: UUID, said: Said) -> bool:
        """Merges a statement, in place; whether anything moved."""
        key = source.hex
        facts, rest = self.facts.get(key, {}), self.sealed.get(key, {})
        if not take(facts, rest, said):
            return False
        for whole, part in ((self.facts, facts), (self.sealed, rest)):
            if part:
                whole[key] = part
            else:
                whole.pop(key, None)
        return True

    def take_all(self, source: UUID, facts: Stamped, sealed: Stamped) -> bool:
        """Merges what a record said, trait by trait, each with its own time; whether anything moved."""
        moved = [self.take(source, one) for one in statements(facts, sealed)]
        return any(moved)

    def only(self, sources: frozenset[UUID] | None) -> "Sources":
        """What these sources said; None: all."""
        if sources is None:
            return self
        keys = {source.hex for source in sources}
        return Sources(
            {key: part for key, part in self.facts.items() if key in keys},
            {key: part for key, part in self.sealed.items() if key in keys},
        )

    def ids(self) -> set[UUID]:
        """Of the sources that said anything."""
        return {UUID(hex=key) for key in self.facts.keys() | self.sealed.keys()}


def statements(facts: Stamped, sealed: Stamped) -> Iterator[Said]:
    """A record's traits as one statement each."""
    for trait in sorted(facts.keys() | sealed.keys()):
        at = str((facts.get(trait) or sealed[trait])[1])
        parts = [{trait: part[trait][0]} if trait in part else {} for part in (facts, sealed)]
        yield at, parts[0], parts[1]


def standing(known: Sources, priorities: Mapping[UUID, int]) -> list[Survivor]:
    """The value of every trait that has one, sorted by trait. `Survivor.record` is the source that said it."""
    return survivors(
        [
            Contribution(
                source, (source, source), priorities.get(source, 50), False,
                known.facts.get(source.hex, {}), known.sealed.get(source.hex, {}),
            )
            for source in sorted(known.ids())
        ],
        _RULES,
    )  # fmt: skip


def in_clear(
    values: list[Survivor], *, declared: Callable[[str], bool]
) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """What may be kept of these values in clear: {path: fact} and {path: provenance}. `declared(path)`: the name of a sealed
    trait may stand in clear."""
    facts: dict[str, Any] = {}
    provenance: dict[str, dict[str, str]] = {}
    for it in values:
        why = {"source": str(it.record), "rule": it.rule, "at": it.at}
        for path, value in leaves(it.trait, it.fact[0]) if it.fact else ():
            facts[path] = value
            provenance[path] = why
        for path, _ in leaves(it.trait, it.rest[0]) if it.rest else ():
            if declared(path):
                provenance[path] = why
    return facts, provenance
