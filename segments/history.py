"""A person's past as columns: one per event name, in the order of time. Pure.

Columns, not event objects: a window is two binary searches, and a thousand people's histories load in a few milliseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any
from uuid import UUID

from segments.moments import instant
from segments.nodes import FOREVER, Path, Scalar, Test, Where, Window


def lookup(value: Any, steps: Sequence[str]) -> list[Any]:
    """All values at a path ("[]": each element), as PostgreSQL's lax jsonpath finds them; null is no value."""
    found = [value]
    for step in steps:
        below: list[Any] = []
        for one in found:
            if step == "[]":
                below.extend(one if isinstance(one, list) else [one])
            else:
                inside = one if isinstance(one, list) else [one]
                below.extend(it[step] for it in inside if isinstance(it, dict) and step in it)
        found = below
    return [one for one in found if one is not None]


def typed(kind: str, values: Iterable[Any], zone: tzinfo) -> list[Scalar]:
    """The values of a kind (text, number, boolean; time as microseconds); what is of another kind is left out."""
    if kind == "text":
        return [value for value in values if type(value) is str]
    if kind == "number":
        return [value for value in values if type(value) is int or type(value) is float]
    if kind == "boolean":
        return [value for value in values if type(value) is bool]
    moments = (instant(value, zone) for value in values if type(value) is str)
    return [value for value in moments if value is not None]


def fact(facts: Mapping[str, Any], path: Path) -> list[Any]:
    """The raw values of a golden fact: kept under its whole path, or nested."""
    if path.name in facts:
        steps = path.steps[-1:] if path.steps[-1] == "[]" else ()
        return lookup(facts[path.name], steps)
    return lookup(facts, path.steps)


@dataclass
class Column:
    """A person's events of one name: `times` ascending (ties by message digest), and for each needed path the values of
    each event. `ids` only where evidence is asked for."""

    times: list[int]
    values: dict[str, list[list[Any]]] = field(default_factory=dict)
    ids: list[UUID] | None = None
    _chosen: dict[Any, "Column"] = field(default_factory=dict, repr=False)
    _typed: dict[tuple[str, str], list[list[Scalar]]] = field(default_factory=dict, repr=False)

    def of(self, path: Path, kind: str, zone: tzinfo) -> list[list[Scalar]]:
        """The typed values at a path of each event, remembered."""
        key = (path.name, kind)
        known = self._typed.get(key)
        if known is None:
            known = self._typed[key] = [typed(kind, values, zone) for values in self.values[path.name]]
        return known

    def where(self, conditions: tuple[Where, ...], zone: tzinfo) -> "Column":
        """Only the events whose properties pass, remembered."""
        if not conditions:
            return self
        known = self._chosen.get(conditions)
        if known is None:
            kept = range(len(self.times))
            for condition in conditions:
                values = self.of(condition.path, condition.test.kind, zone)
                kept = [i for i in kept if holds(condition.test, values[i], 0)]  # type: ignore[assignment]
            known = self._chosen[conditions] = Column(
                [self.times[i] for i in kept],
                {name: [column[i] for i in kept] for name, column in self.values.items()},
                [self.ids[i] for i in kept] if self.ids is not None else None,
            )
        return known

    def span(self, window: Window, at: int) -> tuple[int, int, int]:
        """The events that count at a moment, as a range of positions, and the time of the next one to come (or FOREVER)."""
        times = self.times
        now = bisect_right(times, at)
        if window.last is not None:
            return bisect_right(times, at - window.last), now, times[now] if now < len(times) else FOREVER
        low = bisect_left(times, window.start) if window.start is not None else 0
        high = bisect_left(times, window.end) if window.end is not None else len(times)
        coming = max(now, low)
        return low, max(low, min(now, high)), times[coming] if coming < high else FOREVER


def holds(test: Test, values: Sequence[Any], at: int) -> bool:
    """Whether a test holds for typed values at a moment."""
    if test.exists is not None and bool(values) != test.exists:
        return False
    if test.positive and not any(all(passes(it.op, it.operand, value, at) for it in test.positive) for value in values):
        return False
    return not any(passes(it.op, it.operand, value, at) for it in test.negative for value in values)


def passes(op: str, operand: Any, value: Any, at: int) -> bool:
    """One comparison of one value."""
    match op:
        case "is":
            return bool(value == operand)
        case "in":
            return value in operand
        case "gt":
            return bool(value > operand)
        case "gte":
            return bool(value >= operand)
        case "lt":
            return bool(value < operand)
        case "lte":
            return bool(value <= operand)
        case "between":
            return bool(operand[0] <= value <= operand[1])
        case "contains":
            return operand in value
        case "starts":
            return bool(value.startswith(operand))
        case "older_than":
            return bool(value <= at - operand)
        case "newer_than":
            return bool(value > at - operand)
    raise ValueError(f"unknown operator {op}")


def turns(test: Test, values: Sequence[Any], at: int) -> int:
    """The next moment at which a relative comparison of one of the values changes (FOREVER: none)."""
    moments = (value + it.operand for it in test.relative for value in values)
    return min((moment for moment in moments if moment > at), default=FOREVER)
