"""The parser: what it takes, the JSON Schema takes; what it refuses, it explains."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from segments.moments import instant
from segments.nodes import moment
from segments.rules import SCHEMA, InvalidRule, Vocabulary, parse
from segments.sentence import sentence
from tests.segments.strategies import PURPOSES, TYPES, rules

VALID = Draft202012Validator(SCHEMA)
FIELDS = TYPES | {
    "city_region": "text", "household_size": "number", "subscribed": "boolean", "interests": "list", "enrolled_at": "datetime",
    "contract_end": "date", "store_id": "text",
}  # fmt: skip
WORDS = Vocabulary(
    lambda scope, name: (
        ("text", "identifying") if name == "email" else (FIELDS[name], "fact") if name in FIELDS else None
    ),
    lambda name: uuid5(NAMESPACE_URL, name) if name != "Nothing" else None,
    {"other", "big-spenders"},
    {*PURPOSES},
)
DOCS = Path(__file__).parents[2] / "docs" / "segments.md"


def faults(rule: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRule) as error:
        parse(rule, WORDS)
    assert all(it.remedy for it in error.value.faults)
    return [(it.path, it.problem) for it in error.value.faults]


@settings(max_examples=200, deadline=None)
@given(rules(("other",), PURPOSES))
def test_what_the_parser_takes_the_schema_takes(rule: dict[str, Any]) -> None:
    node = parse(rule, WORDS)
    VALID.validate(rule)
    assert sentence(node, ZoneInfo("UTC"))
    hash(node)


def test_every_example_in_the_docs_is_a_rule() -> None:
    lines = [line for block in re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.S) for line in block.splitlines()]
    examples = [
        json.loads(line) for line in lines if line.startswith(('{"trait"', '{"event"', '{"segment"', '{"consent"'))
    ]
    assert len(examples) > 25
    for example in examples:
        parse(example, WORDS)
        VALID.validate(example)


@pytest.mark.parametrize(
    ("rule", "path", "problem"),
    [
        ([], "", "is not an object"),
        ({}, "", "must have exactly one of"),
        ({"trait": "age", "event": "X"}, "", "must have exactly one of"),
        ({"all": []}, "all", "must be a list"),
        ({"any": [{"trait": "age", "is": 3}, {"trait": "email", "is": "x"}]}, "any[1].trait", "identifying"),
        ({"trait": "shoe", "is": 3}, "trait", "not declared"),
        ({"trait": "age"}, "", "does not compare"),
        ({"trait": "age", "is": "3"}, "is", "wrong type"),
        ({"trait": "age", "gte": True}, "gte", "wrong type"),
        ({"trait": "country", "gt": "A"}, "gt", "not an operator of a text"),
        ({"trait": "joined", "gt": "2026-02-30"}, "gt", "wrong type"),
        ({"trait": "age", "in": []}, "in", "wrong type"),
        ({"event": "Nothing"}, "event", "not declared"),
        ({"event": "X", "count": {"gte": 1}, "sum": {"of": "revenue", "gte": 1}}, "", "more than one"),
        ({"event": "X", "sum": {"gte": 1}}, "sum", "of which property"),
        ({"event": "X", "sum": {"of": "coupon", "gte": 1}}, "sum.of", "needs a number"),
        ({"event": "X", "last": {"of": "products[].price", "gte": 1}}, "last.of", "many values"),
        ({"event": "X", "count": {"of": "revenue", "gte": 1}}, "count.of", "of events"),
        ({"event": "X", "within": {"days": 0}}, "within.days", "above 0"),
        ({"event": "X", "within": {"from": "2026-02-01", "to": "2026-01-01"}}, "within", "ends before"),
        (
            {"event": "X", "where": [{"property": "delivered", "newer_than_days": 3}]},
            "where[0].newer_than_days",
            "operator",
        ),
        ({"event": "X", "where": {}}, "where", "must be a list"),
        ({"segment": "nobody"}, "segment", "names no segment"),
        ({"segment": []}, "segment", "names no segment"),
        ({"consent": "nothing"}, "consent", "names no purpose"),
        ({"consent": "newsletter", "allowed": "yes"}, "allowed", "true or false"),
        ({"not": {"segment": "other", "extra": 1}}, "not.extra", "not known here"),
    ],
)
def test_faults_name_place_problem_and_remedy(rule: Any, path: str, problem: str) -> None:
    found = faults(rule)
    assert [it for it in found if it[0] == path and problem in it[1]], found


def test_too_deep_and_too_many() -> None:
    deep: Any = {"trait": "age", "is": 1}
    for _ in range(9):
        deep = {"not": deep}
    assert any("deep" in problem for _, problem in faults(deep))
    assert faults({"any": [{"trait": "age", "is": n} for n in range(100)]}) == [("", "has more than 100 conditions")]


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"all": [{"trait": "shoe", "is": 1}, {"event": "Nothing"}, {"segment": "nobody"}]})) == 3


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-03-01", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01", "Europe/Amsterdam", "2026-02-28T23:00:00+00:00"),
        ("2026-03-01T10:00:00+02:00", "UTC", "2026-03-01T08:00:00+00:00"),
        ("2026-03-29T02:30:00", "Europe/Amsterdam", "2026-03-29T01:30:00+00:00"),  # skipped: as before the change
        ("2026-10-25T02:30:00", "Europe/Amsterdam", "2026-10-25T01:30:00+00:00"),  # twice: the second
        ("2026-03-01T10:00:00.123456789Z", "UTC", "2026-03-01T10:00:00.123456+00:00"),
        ("2026-02-30", "UTC", None),
        ("now", "UTC", None),
        ("2026-03-01T24:00:00Z", "UTC", None),
    ],
)
@pytest.mark.django_db
def test_moments_are_read_as_the_database_reads_them(text: str, zone: str, utc: str | None) -> None:
    from django.db import connection

    from segments.sql_values import typed_sql

    found = instant(text, ZoneInfo(zone))
    assert (moment(found).isoformat() if found is not None else None) == utc
    sql, params = typed_sql("time", "q.v", zone)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql} FROM (SELECT to_jsonb(%s::text)) AS q (v)", [*params, text])
        stored = cursor.fetchone()[0]
    assert (stored.isoformat() if stored else None) == utc
