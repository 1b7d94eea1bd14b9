"""A person's past as columns: one per event name, in the order of time. Pure.

Columns, not event objects: a window is two binary searches, and a thousand people's histories load in a few milliseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
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


EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@lru_cache(65536)
def decimal(value: float) -> Decimal:
    """A number as it is written: 0.1 is 0.1, as in PostgreSQL."""
    return Decimal(repr(value))


_TYPES: dict[str, frozenset[type]] = {
    "text": frozenset({str}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}


@dataclass
class Column:
    """A person's events of one name: `times` ascending (ties by message digest), and for each needed path the values of
    each event. `ids` only where evidence is asked for."""

    times: list[int]
    values: dict[str, list[Sequence[Any]]] = field(default_factory=dict)
    ids: list[UUID] | None = None
    _chosen: dict[Any, "Column"] = field(default_factory=dict, repr=False)
    _typed: dict[tuple[str, str], list[Sequence[Scalar]]] = field(default_factory=dict, repr=False)
    running: dict[str, list[tuple[Decimal, int]]] = field(default_factory=dict, repr=False)

    def of(self, path: Path, kind: str, zone: tzinfo) -> list[Sequence[Scalar]]:
        """The typed values at a path of each event, remembered."""
        key = (path.name, kind)
        known = self._typed.get(key)
        if known is None:
            raw = self.values[path.name]
            types = _TYPES.get(kind)
            if types is None:
                known = [typed(kind, values, zone) for values in raw]
            elif not path.plain:
                # Nearly always all are of the kind, which is told without a loop of our own.
                known = [values if types.issuperset(map(type, values)) else typed(kind, values, zone) for values in raw]
            else:
                known = [values if values and type(values[0]) in types else () for values in raw]
            self._typed[key] = known
        return known

    def where(self, conditions: tuple[Where, ...], zone: tzinfo) -> "Column":
        """Only the events whose properties pass, remembered."""
        if not conditions:
            return self
        known = self._chosen.get(conditions)
        if known is None:
            kept: Sequence[int] = range(len(self.times))
            for condition in conditions:
                values, passing = self.of(condition.path, condition.test.kind, zone), matcher(condition.test)
                kept = [i for i in kept if passing(values[i], 0)]
            known = self._chosen[conditions] = Column(
                [self.times[i] for i in kept],
                {name: [column[i] for i in kept] for name, column in self.values.items()},
                [self.ids[i] for i in kept] if self.ids is not None else None,
            )
        return known

    def add(self, time: int, values: Mapping[str, Sequence[Any]], zone: tzinfo, *, ordered: bool) -> bool:
        """Takes one more event in. False, and nothing changed, where its place is not sure: another event has the same time,
        and a rule asks which of them came first (`ordered`).

        What was remembered grows with it. An event out of turn is put in its place, and totals and typed values are forgotten."""
        place = len(self.times)
        if place and time <= self.times[-1]:
            place = bisect_right(self.times, time)
            if ordered and self.times[place - 1] == time and place:
                return False
            if place < len(self.times):
                self._typed.clear()
                self.running.clear()
        self.times.insert(place, time)
        for name, column in self.values.items():
            column.insert(place, values[name])
        for (name, kind), known in self._typed.items():
            known.append(typed(kind, values[name], zone))
        for name, running in self.running.items():
            total, count = running[-1]
            for value in typed("number", values[name], zone):
                total, count = EXACT.add(total, decimal(value)), count + 1
            running.append((total, count))
        for conditions, chosen in self._chosen.items():
            if all(matcher(it.test)(typed(it.test.kind, values[it.path.name], zone), 0) for it in conditions):
                chosen.add(time, values, zone, ordered=False)
        return True

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


Passes = Callable[[Sequence[Any], int], bool]


@lru_cache(4096)
def matcher(test: Test) -> Passes:
    """A function that says whether the test holds for typed values at a moment."""
    positive = tuple((_OPS[it.op], it.operand) for it in test.positive)
    negative = tuple((_OPS[it.op], it.operand) for it in test.negative)
    exists = test.exists
    if len(positive) == 1 and not negative and exists is None:
        return _single(test.positive[0].op, *positive[0])

    def passes(values: Sequence[Any], at: int) -> bool:
        if exists is not None and bool(values) != exists:
            return False
        if positive and not any(all(op(value, operand, at) for op, operand in positive) for value in values):
            return False
        return not any(op(value, operand, at) for op, operand in negative for value in values)

    return passes


def _single(name: str, op: Callable[[Any, Any, int], bool], operand: Any) -> Passes:
    """The commonest case, without generators."""
    if name == "in":
        return lambda values, at: not operand.isdisjoint(values)
    if name == "is":
        return lambda values, at: operand in values

    def passes(values: Sequence[Any], at: int) -> bool:
        for value in values:  # noqa: SIM110 (a generator per person and rule costs more than the comparison)
            if op(value, operand, at):
                return True
        return False

    return passes


# value, threshold, moment -> bool
_OPS: dict[str, Callable[[Any, Any, int], bool]] = {
    "is": lambda value, operand, at: value == operand,
    "in": lambda value, operand, at: value in operand,
    "gt": lambda value, operand, at: value > operand,
    "gte": lambda value, operand, at: value >= operand,
    "lt": lambda value, operand, at: value < operand,
    "lte": lambda value, operand, at: value <= operand,
    "between": lambda value, operand, at: operand[0] <= value <= operand[1],
    "contains": lambda value, operand, at: operand in value,
    "starts": lambda value, operand, at: value.startswith(operand),
    "older_than": lambda value, operand, at: value <= at - operand,
    "newer_than": lambda value, operand, at: value > at - operand,
}


def turns(lengths: Sequence[int], values: Sequence[Any], at: int) -> int:
    """The next moment at which a relative comparison (of these lengths) of one of the values changes (FOREVER: none)."""
    moments: list[int] = [value + length for length in lengths for value in values]
    return min([moment for moment in moments if moment > at], default=FOREVER)
