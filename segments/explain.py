"""Why somebody is a member, or is not: the tree of the rule with each condition's value, threshold and evidence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any as Anything
from uuid import UUID
from zoneinfo import ZoneInfo

from segments.evaluate import Subject, aggregate_of, judge
from segments.history import Column, fact, typed
from segments.nodes import FOREVER, All, Any, Consent, Event, InSegment, Node, Not, Trait, moment
from segments.sentence import sentence

_MOST_EVIDENCE = 20


@dataclass(frozen=True)
class Why:
    """One condition: is it true, what was found, which events show it, when time alone may change it; and its parts."""

    condition: str
    kind: str
    true: bool
    value: Anything = None
    evidence: tuple[UUID, ...] = ()
    flips_at: str | None = None
    parts: tuple["Why", ...] = ()

    def as_json(self) -> dict[str, Anything]:
        """Plain JSON types."""
        return {
            "condition": self.condition,
            "kind": self.kind,
            "true": self.true,
            "value": self.value,
            "evidence": [str(it) for it in self.evidence],
            "flips_at": self.flips_at,
            "parts": [part.as_json() for part in self.parts],
        }


def explain(node: Node, subject: Subject, at: int, *, others: Mapping[str, Node], zone: ZoneInfo) -> Why:
    """The tree of a rule for one person at a moment (microseconds). Evidence needs a history loaded with event ids."""
    truth, flips = judge(node, others, zone)(subject, at)

    def inner(part: Node) -> Why:
        return explain(part, subject, at, others=others, zone=zone)

    value: Anything = None
    evidence: tuple[UUID, ...] = ()
    parts: tuple[Why, ...] = ()
    match node:
        case All(children) | Any(children):
            parts = tuple(inner(part) for part in children)
        case Not(part):
            parts = (inner(part),)
        case InSegment(key, _):
            parts = (inner(others[key]),)
        case Trait():
            found = typed(node.test.kind, fact(subject.facts, node.path), zone)
            value = _plain(found if len(found) > 1 else found[0] if found else None, node.test.kind)
        case Consent(purpose, _):
            value = subject.consents.get(purpose, (False, 0))[0]
        case Event():
            value, evidence = _event(node, subject, at, zone)
    until = None if flips >= FOREVER else moment(flips).isoformat()
    return Why(sentence(node, zone), type(node).__name__.lower(), truth, value, evidence, until, parts)


def _event(node: Event, subject: Subject, at: int, zone: ZoneInfo) -> tuple[Anything, tuple[UUID, ...]]:
    known = subject.history.get(node.label)
    column = known.where(node.where, zone) if known is not None else Column([])
    low, high, _ = column.span(node.window, at)
    ids = tuple((column.ids or [])[low:high])
    found = aggregate_of(node, column, low, high, zone)
    kind = node.test.kind
    if node.aggregate in {"first", "last"} and node.of is None:
        ids = ids[:1] if node.aggregate == "first" else ids[-1:]
    return _plain(found[0] if found else None, kind), ids[-_MOST_EVIDENCE:]


def _plain(value: Anything, kind: str) -> Anything:
    if isinstance(value, list):
        return [_plain(one, kind) for one in value]
    if value is None or isinstance(value, bool | str):
        return value
    if kind == "time":
        return moment(value).isoformat()
    return value if isinstance(value, int) else float(value)
