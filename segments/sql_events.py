"""SQL of event conditions: one aggregating query per condition, and expressions over its columns. Functions only return SQL."""

from datetime import datetime, timedelta
from typing import Any

from segments.load import jsonpath
from segments.nodes import Event, Path, Test, Where, Window, moment
from segments.sql_values import Sql, holds_any_sql, holds_sql, turns_sql, typed_sql


def measure_sql(node: Event, at: datetime, zone: str, ids: str | None) -> Sql:
    """Per profile: n (events that count), x (the aggregate), gone (moments at which the aggregate may change as events
    leave the window: of the first event, or for a count of each), coming (the next event that is not yet)."""
    values, value_params = _values_join(node, zone)
    aggregate = _aggregate(node).format(past=_PAST)
    where, where_params = _wheres(node.where, zone)
    window, window_params = _window(node.window, at)
    people = f"AND r.profile_id IN ({ids})" if ids else ""
    columns = [f"{aggregate} AS x", "min(e.occurred_at) FILTER (WHERE e.occurred_at > %s) AS coming"]
    params: list[Any] = [at] * (aggregate.count("%s") + 1)
    if node.window.last is not None:
        columns.append(f"{_leaving(node).format(past=_PAST)} AS gone")
        params.append(at)
    return (
        f"SELECT r.profile_id, {', '.join(columns)} FROM identity_record r JOIN events_event e ON e.record_id = r.id {values}"
        f" WHERE e.name = %s {window} {where} {people} GROUP BY r.profile_id",
        [*params, *value_params, node.name, *window_params, *where_params],
    )


def _values_join(node: Event, zone: str) -> Sql:
    if node.of is None:
        return "", []
    query, params = _values(node.of, node.kind, zone)
    return f"LEFT JOIN LATERAL (SELECT x FROM ({query}) AS w (x) WHERE x IS NOT NULL) AS v ON true", params


def _values(path: Path, kind: str, zone: str) -> Sql:
    """A query of the typed values at a path of an event."""
    typed, params = typed_sql(kind, "q.v", zone)
    source = "(SELECT e.facts -> %s)" if path.plain else "jsonb_path_query(e.facts, %s::jsonpath)"
    return f"SELECT {typed} FROM {source} AS q (v)", [*params, path.steps[0] if path.plain else jsonpath(path.steps)]


_PAST = "FILTER (WHERE e.occurred_at <= %s)"
_ORDER = "ORDER BY e.occurred_at, e.message"


def _aggregate(node: Event) -> str:
    match node.aggregate:
        case "count":
            return "count(*) {past}"
        case "sum":
            return "sum(v.x) {past}"
        case "avg":
            return "round(avg(v.x) {past}, 9)"
        case "min" | "max":
            return f"{node.aggregate}(v.x) {{past}}"
        case "distinct":
            return "count(DISTINCT v.x) {past}"
    latest = " DESC" if node.aggregate == "last" else ""
    if node.of is None:
        return f"{'max' if latest else 'min'}(e.occurred_at) {{past}}"
    order = f"ORDER BY e.occurred_at{latest}, e.message{latest}"
    return f"(array_agg(v.x {order}) FILTER (WHERE v.x IS NOT NULL AND e.occurred_at <= %s))[1]"


def _leaving(node: Event) -> str:
    if node.aggregate == "count":
        return f"array_agg(e.occurred_at {_ORDER}) {{past}}"
    if node.aggregate == "last" and node.of is None:
        return "max(e.occurred_at) {past}"
    return "min(e.occurred_at) {past}"


def _window(window: Window, at: datetime) -> Sql:
    if window.last is not None:
        return "AND e.occurred_at > %s", [at - timedelta(microseconds=window.last)]
    parts, params = [], []
    for sign, end in ((">=", window.start), ("<", window.end)):
        if end is not None:
            parts.append(f"AND e.occurred_at {sign} %s")
            params.append(moment(end))
    return " ".join(parts), params


def _wheres(wheres: tuple[Where, ...], zone: str) -> Sql:
    parts, params = [], []
    for where in wheres:
        query, more = _values(where.path, where.test.kind, zone)
        if where.path.plain:
            sql, last = holds_sql(where.test, "x", "NULL")
            parts.append(f"AND (SELECT {sql} FROM ({query}) AS w (x))")
            params += [*last, *more]
        else:
            sql, last = holds_any_sql(where.test, query, more, "NULL")
            parts.append(f"AND {sql}")
            params += last
    return " ".join(parts), params


def truth_sql(node: Event, name: str, at: str) -> Sql:
    """Whether the aggregate passes: nothing counts as 0 for count, sum and distinct, and as absent for the others."""
    value = f"{name}.x"
    if node.aggregate in {"count", "sum", "distinct"}:
        value = f"coalesce({value}, 0)"
    return holds_sql(node.test, value, at)


def flips_sql(node: Event, name: str, at: str) -> Sql:
    """The next moment at which the condition may change, or null."""
    moments = [f"{name}.coming"]
    params: list[Any] = []
    if node.window.last is not None:
        length = timedelta(microseconds=node.window.last)
        if node.aggregate == "count":
            place, params = _place_sql(node.test, f"coalesce({name}.x, 0)")
            moments.append(f"{name}.gone[{place}] + %s::interval")
        else:
            moments.append(f"{name}.gone + %s::interval")
        params = [*params, length]
    turning, more = turns_sql(node.test, f"{name}.x", at)
    if node.test.relative:
        moments.append(turning)
        params = [*params, *more]
    return f"least({', '.join(moments)})", params


def _place_sql(test: Test, count: str) -> Sql:
    """Which event's leaving changes the answer of a count: the first of 1..n after which the test says otherwise; or null."""
    now, params = holds_sql(test, count, "NULL")
    then, more = holds_sql(test, f"({count} - gone.k)", "NULL")
    return (
        f"(SELECT min(gone.k) FROM generate_series(1, ({count})::int) AS gone (k) WHERE ({then}) <> ({now}))",
        [*more, *params],
    )
