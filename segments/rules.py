"""The rule language: one pure parser from JSON to a tree. docs/segments.md has every kind of condition by example."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any as Anything
from uuid import UUID

from cdp.catalogue.paths import InvalidPath
from cdp.catalogue.paths import steps as path_steps
from segments.comparisons import Fault, InvalidRule, Source, parse_test
from segments.moments import instant
from segments.nodes import All, Any, Consent, Event, InSegment, Node, Not, Path, Test, Trait, Where, Window
from segments.schema import AGGREGATES, DEEPEST, MOST_CONDITIONS, MOST_DAYS, SCHEMA

__all__ = ["SCHEMA", "Fault", "InvalidRule", "Vocabulary", "parse"]

_KINDS = ("all", "any", "not", "trait", "event", "segment", "consent")
_UNITS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000}
_DECLARE_FACT = "declare a coarse fact for it in the catalogue (an age band, an e-mail domain, a region) and use that"


@dataclass(frozen=True)
class Vocabulary:
    """What a rule may speak of. `field(scope, path)` gives (type, class of data) of a declared trait or property, or None."""

    field: Callable[[str, str], tuple[str, str] | None]
    event: Callable[[str], UUID | None]  # digest of a declared event name
    segments: Set[str] = frozenset()
    purposes: Set[str] = frozenset()
    zone: tzinfo = UTC
    near: Callable[[str, str], list[str]] = lambda scope, name: []  # declared names that are written much like one


@dataclass
class _Parser:
    words: Vocabulary
    faults: list[Fault] = field(default_factory=list)
    conditions: int = 0

    def fault(self, at: str, problem: str, remedy: str) -> None:
        self.faults.append(Fault(at, problem, remedy))

    def node(self, rule: Anything, at: str, depth: int) -> Node | None:
        self.conditions += 1
        if not isinstance(rule, Mapping):
            self.fault(at, "is not an object", 'write a condition such as {"trait": "country", "is": "NL"}')
            return None
        if depth > DEEPEST:
            self.fault(at, f"is nested more than {DEEPEST} deep", "name an inner part as a segment of its own")
            return None
        kinds = [kind for kind in _KINDS if kind in rule]
        if len(kinds) != 1:
            self.fault(at, f"must have exactly one of {', '.join(_KINDS)}", "split it into conditions inside all")
            return None
        return getattr(self, f"_{kinds[0]}")(rule, at, depth)  # type: ignore[no-any-return]

    def _only(self, rule: Mapping[str, Anything], at: str, *allowed: str) -> None:
        for key in rule:
            if key not in allowed:
                self.fault(_join(at, str(key)), "is not known here", f"allowed here: {', '.join(allowed)}")

    def _parts(self, rule: Mapping[str, Anything], at: str, kind: str, depth: int) -> tuple[Node, ...]:
        self._only(rule, at, kind)
        parts = rule[kind]
        if not isinstance(parts, list) or not parts:
            self.fault(_join(at, kind), "must be a list with at least one condition", f'write {{"{kind}": [...]}}')
            return ()
        found = [self.node(part, f"{_join(at, kind)}[{i}]", depth + 1) for i, part in enumerate(parts)]
        return tuple(part for part in found if part is not None)

    def _all(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node:
        return All(self._parts(rule, at, "all", depth))

    def _any(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node:
        return Any(self._parts(rule, at, "any", depth))

    def _not(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node | None:
        self._only(rule, at, "not")
        part = self.node(rule["not"], _join(at, "not"), depth + 1)
        return Not(part) if part is not None else None

    def _path(self, scope: str, name: Anything, at: str) -> tuple[Path, str] | None:
        """The path and the type of a declared fact."""
        if not isinstance(name, str):
            self.fault(at, f"must be the name of a {scope}", "write it as text")
            return None
        found = self.words.field(scope, name)
        if found is None:
            self.fault(at, "is not declared", self._instead(scope, name, "declare it as a fact in the catalogue first"))
            return None
        if found[1] != "fact":
            self.fault(at, "is identifying and cannot be used in a rule", _DECLARE_FACT)
            return None
        try:
            steps = [step for key, many in path_steps(name) for step in ((key, "[]") if many else (key,))]
        except InvalidPath:
            self.fault(at, "is not a path", "write a path such as plan, address.country or products[].category")
            return None
        return Path(name, (*steps, "[]") if found[0] == "list" else tuple(steps)), found[0]

    def _instead(self, scope: str, name: Anything, remedy: str) -> str:
        near = self.words.near(scope, name) if isinstance(name, str) else []
        return f"use {' or '.join(near)}, or {remedy}" if near else remedy

    def _test(self, rule: Mapping[str, Anything], at: str, source: Source) -> Test | None:
        return parse_test(rule, at, source, self.words.zone, self.fault)

    def _trait(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node | None:
        found = self._path("trait", rule["trait"], _join(at, "trait"))
        if found is None:
            return None
        test = self._test({k: v for k, v in rule.items() if k != "trait"}, at, Source(found[1]))
        return Trait(found[0], test) if test else None

    def _segment(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node | None:
        self._only(rule, at, "segment", "member")
        key = rule["segment"]
        if not isinstance(key, str) or key not in self.words.segments:
            self.fault(_join(at, "segment"), "names no segment", "use the key of an enabled segment")
            return None
        return InSegment(key, self._flag(rule, at, "member"))

    def _consent(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node | None:
        self._only(rule, at, "consent", "allowed")
        purpose = rule["consent"]
        if not isinstance(purpose, str) or purpose not in self.words.purposes:
            self.fault(_join(at, "consent"), "names no purpose", "use the key of a purpose")
            return None
        return Consent(purpose, self._flag(rule, at, "allowed"))

    def _flag(self, rule: Mapping[str, Anything], at: str, name: str) -> bool:
        value = rule.get(name, True)
        if not isinstance(value, bool):
            self.fault(_join(at, name), "must be true or false", "leave it out for true")
        return value is True

    def _event(self, rule: Mapping[str, Anything], at: str, depth: int) -> Node | None:
        self._only(rule, at, "event", "where", "within", *AGGREGATES)
        label = rule["event"]
        name = self.words.event(label) if isinstance(label, str) else None
        if name is None:
            remedy = self._instead("event", label, "declare its name in the catalogue first")
            self.fault(_join(at, "event"), "is not declared", remedy)
        aggregates = [it for it in AGGREGATES if it in rule]
        if len(aggregates) > 1:
            remedy = "write one event condition each, inside all"
            self.fault(at, f"has more than one of {', '.join(aggregates)}", remedy)
            return None
        aggregate = aggregates[0] if aggregates else "count"
        found = self._aggregate(aggregate, rule.get(aggregate, {"gte": 1}), _join(at, aggregate))
        where = self._wheres(rule.get("where", []), _join(at, "where"))
        window = self._window(rule["within"], _join(at, "within")) if "within" in rule else Window()
        if found is None or name is None:
            return None
        of, kind, test = found
        return Event(label, name, aggregate, of, kind, test, where, window)

    def _aggregate(self, aggregate: str, rule: Anything, at: str) -> tuple[Path | None, str, Test] | None:
        if not isinstance(rule, Mapping):
            self.fault(at, "must be an object", f'write a comparison such as {{"{aggregate}": {{"gte": 3}}}}')
            return None
        tests = {key: value for key, value in rule.items() if key != "of"}
        if aggregate == "count" or (aggregate in {"first", "last"} and "of" not in rule):
            if "of" in rule:
                self.fault(_join(at, "of"), "a count is of events, not of a property", "use distinct")
                return None
            kind = "number" if aggregate == "count" else "time"
            test = self._test(tests, at, Source("count" if aggregate == "count" else "datetime"))
            return (None, kind, test) if test else None
        if "of" not in rule:
            self.fault(at, "does not say of which property", f'write {{"{aggregate}": {{"of": "revenue", ...}}}}')
            return None
        found = self._path("property", rule["of"], _join(at, "of"))
        if found is None:
            return None
        path, kind = found
        if aggregate in {"sum", "avg", "min", "max"} and kind != "number":
            self.fault(_join(at, "of"), f"{aggregate} needs a number and this is a {kind}", "use distinct or last")
            return None
        if aggregate in {"first", "last"} and "[]" in path.steps:
            self.fault(_join(at, "of"), "has many values in one event", "use distinct, min or max")
            return None
        test = self._test(tests, at, Source(kind if aggregate in {"first", "last"} else "count"))
        return (path, KIND[kind], test) if test else None

    def _wheres(self, wheres: Anything, at: str) -> tuple[Where, ...]:
        if not isinstance(wheres, list):
            self.fault(at, "must be a list", 'write [{"property": "revenue", "gte": 100}]')
            return ()
        made = [self._where(where, f"{at}[{i}]") for i, where in enumerate(wheres)]
        return tuple(where for where in made if where is not None)

    def _where(self, rule: Anything, at: str) -> Where | None:
        self.conditions += 1
        if not isinstance(rule, Mapping) or "property" not in rule:
            self.fault(at, "must name a property", 'write {"property": "revenue", "gte": 100}')
            return None
        found = self._path("property", rule["property"], _join(at, "property"))
        if found is None:
            return None
        tests = {key: value for key, value in rule.items() if key != "property"}
        test = self._test(tests, at, Source(found[1], moves=False))
        return Where(found[0], test) if test else None

    def _window(self, rule: Anything, at: str) -> Window:
        keys = set(rule) if isinstance(rule, Mapping) else set()
        if len(keys) == 1 and keys <= set(_UNITS):
            unit = keys.pop()
            length = rule[unit]
            if _is_number(length) and 0 < length * _UNITS[unit] <= MOST_DAYS * _UNITS["days"]:
                return Window(last=round(length * _UNITS[unit]))
            self.fault(_join(at, unit), "must be a number above 0", f"at most {MOST_DAYS} days")
        elif keys and keys <= {"from", "to"}:
            return self._between(rule, at)
        else:
            self.fault(
                at, "is no window", 'write {"days": 30}, {"hours": 24} or {"from": "2026-01-01", "to": "2026-02-01"}'
            )
        return Window()

    def _between(self, rule: Mapping[str, Anything], at: str) -> Window:
        ends: dict[str, int | None] = {"from": None, "to": None}
        for key, value in rule.items():
            ends[key] = instant(value, self.words.zone) if isinstance(value, str) else None
            if ends[key] is None:
                self.fault(_join(at, key), "is not a date or time", "write it as 2026-01-31 or 2026-01-31T12:00:00Z")
        start, end = ends["from"], ends["to"]
        if start is not None and end is not None and start >= end:
            self.fault(at, "ends before it begins", "from is inclusive, to is exclusive")
        return Window(start=start, end=end)


KIND = {"text": "text", "list": "text", "number": "number", "boolean": "boolean", "date": "time", "datetime": "time"}


def parse(rule: Anything, words: Vocabulary) -> Node:
    """The tree of a rule. Raises InvalidRule with every fault: where in the rule, what is wrong, what to do about it."""
    parser = _Parser(words)
    node = parser.node(rule, "", 1)
    if parser.conditions > MOST_CONDITIONS:
        parser.fault("", f"has more than {MOST_CONDITIONS} conditions", "name a part as a segment of its own")
    if parser.faults or node is None:
        raise InvalidRule(tuple(parser.faults))
    return node


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _is_number(value: Anything) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
