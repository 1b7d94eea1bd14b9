"""The published JSON Schema of the rule language (2020-12). Declared fields, types and circles are checked by the parser."""

from typing import Any

Schema = dict[str, Any]

DEEPEST = 8
MOST_CONDITIONS = 100
LONGEST_LIST = 1000
LONGEST_TEXT = 200
MOST_DAYS = 36_500

_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_TEST: Schema = {
    "is": _SCALAR,
    "is_not": _SCALAR,
    "in": {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": LONGEST_LIST},
    "not_in": {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": LONGEST_LIST},
    "has": {"type": "string"},
    "contains": {"type": "string", "minLength": 1},
    "starts": {"type": "string", "minLength": 1},
    "gt": {"type": ["number", "string"]},
    "gte": {"type": ["number", "string"]},
    "lt": {"type": ["number", "string"]},
    "lte": {"type": ["number", "string"]},
    "between": {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 2},
    "exists": {"type": "boolean"},
    "older_than_days": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_DAYS},
    "newer_than_days": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_DAYS},
}
_ABSOLUTE = {name: schema for name, schema in _TEST.items() if not name.endswith("_days")}


def _object(required: list[str], properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False, **more}


def _aggregate(*, of: bool, tests: Schema) -> Schema:
    return _object(
        ["of"] if of else [], ({"of": {"type": "string"}} if of else {}) | tests, minProperties=2 if of else 1
    )


_NUMBER_TEST: Schema = {name: _TEST[name] for name in ("is", "is_not", "gt", "gte", "lt", "lte", "between")}
_LENGTH: Schema = {"type": "number", "exclusiveMinimum": 0}
AGGREGATES = ("count", "sum", "avg", "min", "max", "distinct", "first", "last")

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Segment rule",
    "$ref": "#/$defs/rule",
    "$defs": {
        "rule": {
            "oneOf": [
                {"$ref": f"#/$defs/{name}"} for name in ("all", "any", "not", "trait", "event", "segment", "consent")
            ]
        },
        "all": _object(["all"], {"all": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1}}),
        "any": _object(["any"], {"any": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1}}),
        "not": _object(["not"], {"not": {"$ref": "#/$defs/rule"}}),
        "trait": _object(["trait"], {"trait": {"type": "string"}} | _TEST, minProperties=2),
        "event": _object(
            ["event"],
            {
                "event": {"type": "string"},
                "count": _aggregate(of=False, tests=_NUMBER_TEST),
                **{name: _aggregate(of=True, tests=_NUMBER_TEST) for name in ("sum", "avg", "min", "max", "distinct")},
                **{
                    name: _object([], {"of": {"type": "string"}} | _TEST, minProperties=1) for name in ("first", "last")
                },
                "where": {
                    "type": "array",
                    "items": _object(["property"], {"property": {"type": "string"}} | _ABSOLUTE, minProperties=2),
                },
                "within": {
                    "oneOf": [
                        *(_object([unit], {unit: _LENGTH}) for unit in ("days", "hours", "minutes")),
                        _object([], {"from": {"type": "string"}, "to": {"type": "string"}}, minProperties=1),
                    ]
                },
            },
        ),
        "segment": _object(["segment"], {"segment": {"type": "string"}, "member": {"type": "boolean"}}),
        "consent": _object(["consent"], {"consent": {"type": "string"}, "allowed": {"type": "boolean"}}),
    },
}
