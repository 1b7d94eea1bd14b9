"""SQL expressions for typed values and comparisons: each function only returns SQL and its parameters."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from segments.moments import MOMENT
from segments.nodes import Comparison, Test, moment

Sql = tuple[str, list[Any]]

_JSON_TYPE = {"text": "string", "number": "number", "boolean": "boolean"}
_OPS = {"is": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def typed_sql(kind: str, value: str, zone: str) -> Sql:
    """A jsonb expression as text, numeric, boolean or timestamptz; null when it is of another kind."""
    if kind == "text":
        return f"CASE WHEN jsonb_typeof({value}) = 'string' THEN {value} #>> '{{}}' END", []
    if kind in {"number", "boolean"}:
        cast = "numeric" if kind == "number" else "boolean"
        return f"CASE WHEN jsonb_typeof({value}) = '{_JSON_TYPE[kind]}' THEN ({value})::{cast} END", []
    return _instant_sql(f"({value} #>> '{{}}')", value, zone)


def _instant_sql(text: str, value: str, zone: str) -> Sql:
    """A date or time, local to the zone unless it says otherwise; fractions are cut after six digits, as in Python."""
    clean = f"replace(regexp_replace({text}, '([.,][0-9]{{6}})[0-9]+', '\\1'), ',', '.')"
    return (
        f"CASE WHEN jsonb_typeof({value}) = 'string' AND {text} ~ %s THEN"
        f" CASE WHEN {text} ~ '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$' AND length({text}) > 10 THEN"
        f"  CASE WHEN segments_reads_as({clean}, 'timestamptz') THEN ({clean})::timestamptz END"
        f" WHEN segments_reads_as({clean}, 'timestamp') THEN ({clean})::timestamp AT TIME ZONE %s END END",
        [MOMENT, zone],
    )


def operand_sql(kind: str, operand: Any) -> Any:
    """A threshold as a parameter of the type that `typed_sql` gives."""
    if kind == "number":
        return Decimal(repr(operand))
    return moment(operand) if kind == "time" else operand


_CAST = {"text": "text", "number": "numeric", "boolean": "boolean", "time": "timestamptz"}


def comparison_sql(kind: str, it: Comparison, value: str, at: str) -> Sql:
    """One comparison of a typed expression. `at` is an expression of the moment."""
    cast = _CAST[kind]
    match it.op:
        case "in":
            assert isinstance(it.operand, frozenset)
            return f"{value} = ANY(%s::{cast}[])", [[operand_sql(kind, one) for one in sorted(it.operand, key=repr)]]
        case "between":
            assert isinstance(it.operand, tuple)
            return f"{value} BETWEEN %s::{cast} AND %s::{cast}", [operand_sql(kind, one) for one in it.operand]
        case "contains":
            return f"position(%s::text IN {value}) > 0", [it.operand]
        case "starts":
            return f"starts_with({value}, %s::text)", [it.operand]
        case "older_than" | "newer_than":
            assert isinstance(it.operand, int)
            sign = "<=" if it.op == "older_than" else ">"
            return f"{value} {sign} {at} - %s::interval", [timedelta(microseconds=it.operand)]
    return f"{value} {_OPS[it.op]} %s::{cast}", [operand_sql(kind, it.operand)]


def holds_sql(test: Test, value: str, at: str) -> Sql:
    """Whether a test holds for the one value of a typed expression, which may be null."""
    parts, params = _exists(test, f"{value} IS NOT NULL")
    if test.positive:
        sql, more = _conjunction(test, value, at)
        parts.append(f"coalesce({sql}, false)")
        params += more
    for it in test.negative:
        sql, more = comparison_sql(test.kind, it, value, at)
        parts.append(f"NOT coalesce({sql}, false)")
        params += more
    return " AND ".join(parts) or "true", params


def holds_any_sql(test: Test, values: str, params_of_values: list[Any], at: str) -> Sql:
    """Whether a test holds for the values `x` of a query `values`."""

    def some(condition: str, more: list[Any]) -> Sql:
        return f"EXISTS (SELECT FROM ({values}) AS v (x) WHERE {condition})", [*params_of_values, *more]

    any_value, any_params = some("x IS NOT NULL", [])
    parts, params = _exists(test, any_value)
    params += any_params * (test.exists is not None)
    if test.positive:
        sql, more = some(*_conjunction(test, "x", at))
        parts.append(sql)
        params += more
    for it in test.negative:
        sql, more = some(*comparison_sql(test.kind, it, "x", at))
        parts.append(f"NOT {sql}")
        params += more
    return " AND ".join(parts) or "true", params


def _exists(test: Test, condition: str) -> tuple[list[str], list[Any]]:
    if test.exists is None:
        return [], []
    return [f"({condition})" if test.exists else f"NOT ({condition})"], []


def _conjunction(test: Test, value: str, at: str) -> Sql:
    parts, params = [], []
    for it in test.positive:
        sql, more = comparison_sql(test.kind, it, value, at)
        parts.append(sql)
        params += more
    return " AND ".join(parts), params


def turns_sql(test: Test, value: str, at: str) -> Sql:
    """The next moment after `at` at which a relative comparison of a typed time changes, or null."""
    parts, params = [], []
    for it in test.relative:
        assert isinstance(it.operand, int)
        length = timedelta(microseconds=it.operand)
        parts.append(f"CASE WHEN {value} + %s::interval > {at} THEN {value} + %s::interval END")
        params += [length, length]
    return (f"least({', '.join(parts)})", params) if parts else ("NULL::timestamptz", [])
