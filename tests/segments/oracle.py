"""A naive reading of the rule language: straight from the JSON, by brute force, with nothing of the executors' code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

DAY = timedelta(days=1)


@dataclass
class Happened:
    name: str
    at: datetime
    facts: dict[str, Any]


@dataclass
class Someone:
    facts: dict[str, Any]
    events: list[Happened]
    consents: dict[str, bool] = field(default_factory=dict)


def true(
    rule: Mapping[str, Any], who: Someone, at: datetime, others: Mapping[str, Any], types: Mapping[str, str]
) -> bool:
    if "all" in rule:
        return all(true(part, who, at, others, types) for part in rule["all"])
    if "any" in rule:
        return any(true(part, who, at, others, types) for part in rule["any"])
    if "not" in rule:
        return not true(rule["not"], who, at, others, types)
    if "segment" in rule:
        return true(others[rule["segment"]], who, at, others, types) is rule.get("member", True)
    if "consent" in rule:
        return who.consents.get(rule["consent"], False) is rule.get("allowed", True)
    if "trait" in rule:
        return compare(rule, get(who.facts, rule["trait"]), types[rule["trait"]], at)
    return event(rule, who, at, types)


def event(rule: Mapping[str, Any], who: Someone, at: datetime, types: Mapping[str, str]) -> bool:
    window = rule.get("within", {})
    chosen = []
    for it in sorted(who.events, key=lambda one: one.at):
        if it.name != rule["event"] or it.at > at:
            continue
        if "days" in window and it.at <= at - window["days"] * DAY:
            continue
        if "from" in window and it.at < moment(window["from"]):
            continue
        if "to" in window and it.at >= moment(window["to"]):
            continue
        if all(compare(w, get(it.facts, w["property"]), types[w["property"]], at) for w in rule.get("where", [])):
            chosen.append(it)
    names = ("count", "sum", "avg", "min", "max", "distinct", "first", "last")
    aggregate = next((name for name in names if name in rule), "count")
    test = rule.get(aggregate, {"gte": 1})
    if aggregate == "count":
        return compare(test, [len(chosen)], "number", at)
    if "of" not in test:
        times = [it.at.isoformat() for it in chosen]
        return compare(test, times[:1] if aggregate == "first" else times[-1:], "datetime", at)
    kind = types[test["of"]]
    found = [right(value, kind) for it in chosen for value in get(it.facts, test["of"])]
    values = [value for value in found if value is not None]
    if aggregate == "distinct":
        return compare(test, [len(set(values))], "number", at)
    if aggregate == "sum":
        return compare(test, [sum(values, Decimal(0))], "number", at)
    if not values:
        return compare(test, [], kind, at)
    result = {
        "avg": lambda: sum(values, Decimal(0)) / len(values),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "first": lambda: values[0],
        "last": lambda: values[-1],
    }[aggregate]()
    return compare(test, [result], kind, at)


def get(facts: Any, path: str) -> list[Any]:
    found = [facts]
    for key in path.split("."):
        many = key.endswith("[]")
        found = [it[key.removesuffix("[]")] for it in found if isinstance(it, dict) and key.removesuffix("[]") in it]
        if many:
            found = [one for it in found for one in it]
    return found


def right(value: Any, kind: str) -> Any:
    """The value as something comparable; None if it is of another kind."""
    if kind in {"date", "datetime"}:
        return value if isinstance(value, datetime) else moment(value) if str(value)[:2] == "20" else None
    if kind == "number":
        usable = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        return Decimal(str(value)) if usable else None
    return value if type(value) is {"text": str, "list": str, "boolean": bool}[kind] else None


def moment(text: str) -> datetime:
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    return datetime.fromisoformat(text)


def compare(rule: Mapping[str, Any], raw: list[Any], kind: str, at: datetime) -> bool:
    if kind == "list":
        raw = [one for value in raw for one in (value if isinstance(value, list) else [value])]
    values = [value for value in (right(one, kind) for one in raw) if value is not None]
    if "exists" in rule and rule["exists"] is not bool(values):
        return False
    positive = [op for op in rule if op in TESTS and op not in {"is_not", "not_in"}]
    if positive and not any(
        all(TESTS[op](value, threshold(rule[op], kind, op), at) for op in positive) for value in values
    ):
        return False
    if "is_not" in rule and any(value == threshold(rule["is_not"], kind, "is") for value in values):
        return False
    return not ("not_in" in rule and any(value in threshold(rule["not_in"], kind, "in") for value in values))


def threshold(raw: Any, kind: str, op: str) -> Any:
    if op.endswith("_days"):
        return raw * DAY
    if isinstance(raw, list):
        return [right(one, kind) for one in raw]
    return right(raw, kind)


TESTS: dict[str, Any] = {
    "is": lambda value, it, at: value == it,
    "has": lambda value, it, at: value == it,
    "is_not": None,
    "not_in": None,
    "in": lambda value, it, at: value in it,
    "gt": lambda value, it, at: value > it,
    "gte": lambda value, it, at: value >= it,
    "lt": lambda value, it, at: value < it,
    "lte": lambda value, it, at: value <= it,
    "between": lambda value, it, at: it[0] <= value <= it[1],
    "contains": lambda value, it, at: it in value,
    "starts": lambda value, it, at: value.startswith(it),
    "older_than_days": lambda value, it, at: at - value >= it,
    "newer_than_days": lambda value, it, at: at - value < it,
}
