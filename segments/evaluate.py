"""Evaluates a rule for one person in Python: truth, and the moment at which time alone could change it. Pure.

The set-based twin is `segments.sql`; both give the same truth and the same moment (tests/laws/test_segments_laws.py).
A moment may be early (the truth then turns out unchanged), never late.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any as Anything

from segments.history import EXACT, Column, decimal, fact, matcher, turns, typed
from segments.nodes import FOREVER, All, Any, Comparison, Consent, Event, InSegment, Node, Not, Test, Trait

Verdict = tuple[bool, int]  # truth, flips at (microseconds; FOREVER: time alone changes nothing)
Judge = Callable[["Subject", int], Verdict]
_BILLIONTH = Decimal("1e-9")
_UNKNOWN = (False, FOREVER)
_NOTHING = Column([])


@dataclass
class Subject:
    """What is known of one person: golden facts, events by name, and for each purpose whether it is permitted and
    until when that is sure. `remembered` holds verdicts of other segments within one evaluation."""

    facts: Mapping[str, Anything]
    history: Mapping[str, Column]
    consents: Mapping[str, Verdict] = field(default_factory=dict)
    remembered: dict[Anything, Verdict] = field(default_factory=dict)


def judge(node: Node, others: Mapping[str, Node], zone: tzinfo = UTC) -> Judge:
    """Compiles a tree. `others`: the trees of the segments it may refer to, by key. Raises KeyError for an unknown one."""
    shared: dict[Anything, Judge] = {}
    return _compile(node, others, zone, shared)


def _compile(node: Node, others: Mapping[str, Node], zone: tzinfo, shared: dict[Anything, Judge]) -> Judge:
    """Equal conditions are compiled once."""
    if node not in shared:
        match node:
            case All(parts):
                shared[node] = _joint([_compile(part, others, zone, shared) for part in parts], decisive=False)
            case Any(parts):
                shared[node] = _joint([_compile(part, others, zone, shared) for part in parts], decisive=True)
            case Not(part):
                shared[node] = _opposite(_compile(part, others, zone, shared))
            case Trait():
                shared[node] = _trait(node, zone)
            case Event():
                shared[node] = _event(node, zone)
            case InSegment(key, member):
                inner = _once(key, _compile(others[key], others, zone, shared))
                shared[node] = inner if member else _opposite(inner)
            case Consent(purpose, allowed):
                inner = _consent(purpose)
                shared[node] = inner if allowed else _opposite(inner)
    return shared[node]


def _joint(parts: list[Judge], *, decisive: bool) -> Judge:
    """All (decisive False) or any (True): one decisive part settles it, until the last of those that do has turned."""

    def joint(subject: Subject, at: int) -> Verdict:
        settled, until, soonest = False, 0, FOREVER
        for part in parts:
            truth, flips = part(subject, at)
            if truth is decisive:
                settled = True
                if flips > until:
                    until = flips
            elif flips < soonest:
                soonest = flips
        return (decisive, until) if settled else (not decisive, soonest)

    return joint


def _opposite(part: Judge) -> Judge:
    def opposite(subject: Subject, at: int) -> Verdict:
        truth, flips = part(subject, at)
        return not truth, flips

    return opposite


def _once(key: str, part: Judge) -> Judge:
    def once(subject: Subject, at: int) -> Verdict:
        known = subject.remembered.get((key, at))
        if known is None:
            known = subject.remembered[key, at] = part(subject, at)
        return known

    return once


def _consent(purpose: str) -> Judge:
    def consent(subject: Subject, at: int) -> Verdict:
        return subject.consents.get(purpose, _UNKNOWN)

    return consent


def _trait(node: Trait, zone: tzinfo) -> Judge:
    path, test, kind, passes = node.path, node.test, node.test.kind, matcher(node.test)
    lengths = tuple(it.operand for it in test.relative if isinstance(it.operand, int))

    def trait(subject: Subject, at: int) -> Verdict:
        values = typed(kind, fact(subject.facts, path), zone)
        return passes(values, at), turns(lengths, values, at) if lengths else FOREVER

    return trait


def _event(node: Event, zone: tzinfo) -> Judge:
    if node.aggregate == "count":
        return _count(node, zone)
    aggregate, test = _AGGREGATES[node.aggregate], _exact(node.test) if node.aggregate in {"sum", "avg"} else node.test
    passes = matcher(test)
    name, where, window, last = node.label, node.where, node.window, node.window.last
    lengths = tuple(it.operand for it in test.relative if isinstance(it.operand, int))

    def event(subject: Subject, at: int) -> Verdict:
        known = subject.history.get(name)
        column = _NOTHING if known is None else known.where(where, zone) if where else known
        low, high, flips = column.span(window, at)
        values = aggregate(node, column, low, high, zone)
        if last is not None and low < high:
            # The last event's own moment stays until it leaves; any other aggregate may move when the first leaves.
            leaving = high - 1 if node.aggregate == "last" and node.of is None else low
            flips = min(flips, column.times[leaving] + last)
        if lengths:
            flips = min(flips, turns(lengths, values, at))
        return passes(values, at), flips

    return event


def _count(node: Event, zone: tzinfo) -> Judge:
    test, name, where, window, last = node.test, node.label, node.where, node.window, node.window.last

    passes = matcher(test)

    @cache
    def true_of(count: int) -> bool:
        return passes([count], 0)

    @cache
    def leaving(count: int) -> int:
        """How many must leave the window until the answer changes; 0: it never does."""
        return next((gone for gone in range(1, count + 1) if true_of(count - gone) is not true_of(count)), 0)

    def count(subject: Subject, at: int) -> Verdict:
        column = subject.history.get(name)
        if column is None:
            return true_of(0), FOREVER
        column = column.where(where, zone) if where else column
        low, high, flips = column.span(window, at)
        if last is not None:
            gone = leaving(high - low)
            if gone:
                flips = min(flips, column.times[low + gone - 1] + last)
        return true_of(high - low), flips

    return count


def _flat(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
    assert node.of is not None
    if not column.times:
        return []
    return [value for values in column.of(node.of, node.kind, zone)[low:high] for value in values]


def _sum(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
    return [_total(node, column, low, high, zone)[0]]


def _average(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
    total, count = _total(node, column, low, high, zone)
    return [EXACT.quantize(EXACT.divide(total, Decimal(count)), _BILLIONTH)] if count else []


def _total(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> tuple[Decimal, int]:
    """The exact sum of numbers as they are written (so that 0.1 + 0.2 is 0.3, as in PostgreSQL), and how many they are:
    from running totals of the whole column, which all windows share."""
    if low >= high or node.of is None:
        return Decimal(0), 0
    running = column.running.get(node.of.name)
    if running is None:
        total, count = Decimal(0), 0
        running = [(total, count)]
        for values in column.of(node.of, node.kind, zone):
            for value in values:
                total, count = EXACT.add(total, decimal(value)), count + 1
            running.append((total, count))
        column.running[node.of.name] = running
    return EXACT.subtract(running[high][0], running[low][0]), running[high][1] - running[low][1]


def _extreme(choose: Callable[[list[Anything]], Anything]) -> Callable[..., list[Anything]]:
    def extreme(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
        values = _flat(node, column, low, high, zone)
        return [choose(values)] if values else []

    return extreme


def _distinct(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
    return [len(set(_flat(node, column, low, high, zone)))]


def _end(position: int) -> Callable[..., list[Anything]]:
    def end(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
        found = column.times[low:high] if node.of is None else _flat(node, column, low, high, zone)
        return [found[position]] if found else []

    return end


_AGGREGATES: dict[str, Callable[..., list[Anything]]] = {
    "sum": _sum,
    "avg": _average,
    "min": _extreme(min),
    "max": _extreme(max),
    "distinct": _distinct,
    "first": _end(0),
    "last": _end(-1),
}


def aggregate_of(node: Event, column: Column, low: int, high: int, zone: tzinfo) -> list[Anything]:
    """The aggregate over the events at positions low..high of a column already filtered: one value, or none."""
    if node.aggregate == "count":
        return [high - low]
    return _AGGREGATES[node.aggregate](node, column, low, high, zone)


def _exact(test: Test) -> Test:
    """The same test with thresholds as decimals."""

    def decimals(it: Comparison) -> Comparison:
        operand: Anything = it.operand
        exact: Anything = tuple(map(decimal, operand)) if isinstance(operand, tuple) else decimal(operand)
        return Comparison(it.op, exact)

    return Test(test.kind, tuple(map(decimals, test.positive)), tuple(map(decimals, test.negative)), test.exists)
