"""Comparisons in a rule: which operators a type of value has, and their thresholds. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

from segments.moments import instant
from segments.nodes import Comparison, Operand, Scalar, Test
from segments.schema import LONGEST_LIST, LONGEST_TEXT, MOST_DAYS

_ORDER = ("gt", "gte", "lt", "lte", "between")
_SAME = ("is", "is_not", "in", "not_in")
_RELATIVE = ("older_than_days", "newer_than_days")
OPERATORS: dict[str, tuple[str, ...]] = {
    "text": (*_SAME, "contains", "starts", "exists"),
    "list": ("has", "contains", "starts", "in", "not_in", "exists"),
    "boolean": ("is", "is_not", "exists"),
    "number": (*_SAME, *_ORDER, "exists"),
    "count": ("is", "is_not", *_ORDER),
    "date": ("is", "is_not", *_ORDER, *_RELATIVE, "exists"),
    "datetime": (*_ORDER, *_RELATIVE, "exists"),
}
_KIND = {"list": "text", "count": "number", "date": "time", "datetime": "time"}
_EXAMPLE = {"text": '"NL"', "number": "100", "boolean": "true", "time": '"2026-01-31"'}

Report = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Fault:
    """What is wrong at a place of a rule, and what to do about it."""

    path: str
    problem: str
    remedy: str


class InvalidRule(ValueError):
    """A rule that cannot be used."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{it.path or 'the rule'}: {it.problem} ({it.remedy})" for it in faults))


@dataclass(frozen=True)
class Source:
    """What is compared: its type (as in the catalogue, or count), and whether a comparison may move with time."""

    type: str
    moves: bool = True


def parse_test(rule: Mapping[str, Any], at: str, source: Source, zone: tzinfo, report: Report) -> Test | None:
    """All operators of `rule` as one test; faults are reported with their place. None when nothing usable is left."""
    allowed = [op for op in OPERATORS[source.type] if source.moves or op not in _RELATIVE]
    if not rule:
        report(at, "does not compare anything", f"add one of {', '.join(allowed)}")
        return None
    kind = _KIND.get(source.type, source.type)
    positive: list[Comparison] = []
    negative: list[Comparison] = []
    exists: bool | None = None
    for op, raw in rule.items():
        place = f"{at}.{op}" if at else str(op)
        if op not in allowed:
            report(place, f"is not an operator of a {source.type}", f"use one of {', '.join(allowed)}")
        elif op == "exists":
            if not isinstance(raw, bool):
                report(place, "must be true or false", 'write {"exists": true}')
            exists = raw is True
        else:
            operand = _operand(op, raw, kind, zone)
            if operand is None:
                report(place, "has a threshold of the wrong type", _remedy(op, kind))
                continue
            target = negative if op in {"is_not", "not_in"} else positive
            target.append(Comparison(_NAMES.get(op, op), operand))
    return Test(kind, tuple(positive), tuple(negative), exists)


_NAMES = {
    "is_not": "is",
    "not_in": "in",
    "has": "is",
    "older_than_days": "older_than",
    "newer_than_days": "newer_than",
}


def _operand(op: str, raw: Any, kind: str, zone: tzinfo) -> Operand | None:
    if op in _RELATIVE:
        usable = type(raw) in (int, float) and 0 < raw <= MOST_DAYS
        return timedelta(days=raw) // timedelta(microseconds=1) if usable else None
    if op in {"in", "not_in"}:
        if not isinstance(raw, list) or not 0 < len(raw) <= LONGEST_LIST:
            return None
        many = [_scalar(value, kind, zone) for value in raw]
        return None if None in many else frozenset(value for value in many if value is not None)
    if op == "between":
        if not isinstance(raw, list) or len(raw) != 2:
            return None
        low, high = (_scalar(value, kind, zone) for value in raw)
        return None if low is None or high is None else (low, high)
    value = _scalar(raw, kind, zone)
    return None if op in {"contains", "starts"} and value == "" else value


def _scalar(raw: Any, kind: str, zone: tzinfo) -> Scalar | None:
    if kind == "text":
        return raw if isinstance(raw, str) and len(raw) <= LONGEST_TEXT and "\x00" not in raw else None
    if kind == "boolean":
        return raw if isinstance(raw, bool) else None
    if kind == "time":
        return instant(raw, zone) if isinstance(raw, str) else None
    return raw if type(raw) is int or (type(raw) is float and math.isfinite(raw)) else None


def _remedy(op: str, kind: str) -> str:
    if op in _RELATIVE:
        return f"write a number of days above 0, at most {MOST_DAYS}"
    if op in {"in", "not_in"}:
        return f"write a list of 1 to {LONGEST_LIST} values such as [{_EXAMPLE[kind]}]"
    if op == "between":
        return f"write the two ends, both inclusive, such as [{_EXAMPLE[kind]}, {_EXAMPLE[kind]}]"
    return f"write a {kind if kind != 'time' else 'date or time'} such as {_EXAMPLE[kind]}"
