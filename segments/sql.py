"""Evaluates a rule for the whole base, or for some of it, in one SQL statement. Functions here only return SQL.

The twin of `segments.evaluate`: same truth, same `flips_at`. Values are parameters, never part of the text. The statement has a
column pair (t: truth, f: flips at; infinity when time alone changes nothing) for every condition, and joins them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any as Anything
from uuid import UUID

from consent.permits import flips_sql, permitted_sql
from segments import sql_events
from segments.load import jsonpath
from segments.nodes import All, Any, Consent, Event, InSegment, Node, Not, Trait
from segments.sql_values import Sql, holds_any_sql, holds_sql, turns_sql, typed_sql

AT = "now_is.at"


@dataclass(frozen=True)
class Scope:
    """Of whom: a query of profile ids as SQL with parameters; None: of everyone."""

    sql: str | None = None
    params: tuple[Anything, ...] = ()

    @classmethod
    def of(cls, profile_ids: Sequence[UUID]) -> "Scope":
        """These profiles."""
        return cls("SELECT unnest(%s::uuid[])", (list(profile_ids),))


@dataclass
class _Builder:
    others: Mapping[str, Node]
    at: datetime
    zone: str
    scope: Scope
    ctes: list[str] = field(default_factory=list)
    cte_params: list[Anything] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    join_params: list[Anything] = field(default_factory=list)
    known: dict[Anything, str] = field(default_factory=dict)

    def node(self, node: Node) -> str:
        """The alias whose columns t and f are this node's."""
        if node not in self.known:
            match node:
                case All(parts):
                    self.known[node] = self._joint([self.node(part) for part in parts], decisive=False)
                case Any(parts):
                    self.known[node] = self._joint([self.node(part) for part in parts], decisive=True)
                case Not(part):
                    self.known[node] = self._opposite(self.node(part))
                case InSegment(key, member):
                    inner = self.node(self.others[key])
                    self.known[node] = inner if member else self._opposite(inner)
                case Trait():
                    self.known[node] = self._trait(node)
                case Event():
                    self.known[node] = self._event(node)
                case Consent():
                    self.known[node] = self._consent(node)
        return self.known[node]

    def _add(self, truth: Sql, flips: Sql) -> str:
        name = f"n{len(self.known) + len(self.joins)}"
        self.joins.append(f"CROSS JOIN LATERAL (SELECT {truth[0]} AS t, {flips[0]} AS f OFFSET 0) AS {name}")
        self.join_params += [*truth[1], *flips[1]]
        return name

    def _joint(self, parts: list[str], *, decisive: bool) -> str:
        if not parts:
            return self._add(("false" if decisive else "true", []), ("'infinity'::timestamptz", []))
        settled = [part if decisive else f"NOT {part}" for part in (f"{name}.t" for name in parts)]
        last = ", ".join(f"CASE WHEN {s} THEN {name}.f END" for s, name in zip(settled, parts, strict=True))
        first = ", ".join(f"{name}.f" for name in parts)
        truth = (" OR " if decisive else " AND ").join(f"{name}.t" for name in parts)
        flips = f"CASE WHEN {' OR '.join(settled)} THEN greatest({last}) ELSE least({first}) END"
        return self._add((truth, []), (flips, []))

    def _opposite(self, part: str) -> str:
        return self._add((f"NOT {part}.t", []), (f"{part}.f", []))

    def _consent(self, node: Consent) -> str:
        permitted, params = permitted_sql(node.purpose, self.at, column="p.id")
        flips, more = flips_sql(node.purpose, self.at, column="p.id")
        truth = permitted if node.allowed else f"NOT ({permitted})"
        return self._add((truth, params), (f"coalesce({flips}, 'infinity')", more))

    def _trait(self, node: Trait) -> str:
        path, test = node.path, node.test
        if path.plain:
            typed, params = typed_sql(test.kind, "q.v", self.zone)
            name = f"v{len(self.joins)}"
            self.joins.append(
                f"CROSS JOIN LATERAL (SELECT {typed} AS x FROM (SELECT p.facts -> %s) AS q (v) OFFSET 0) AS {name}"
            )
            self.join_params += [*params, path.steps[0]]
            truth, flips = holds_sql(test, f"{name}.x", AT), turns_sql(test, f"{name}.x", AT)
            return self._add(truth, _ever(flips))
        values, params = self._many(node)
        turning, more = turns_sql(test, "x", AT)
        flips = (f"(SELECT min({turning}) FROM ({values}) AS v (x))", more + params)
        return self._add(holds_any_sql(test, values, params, AT), _ever(flips if test.relative else ("NULL", [])))

    def _many(self, node: Trait) -> Sql:
        """The typed values at a nested path, or of a list; a golden fact may be kept under its whole path."""
        path = node.path
        tail = jsonpath(path.steps[-1:] if path.steps[-1] == "[]" else ())
        typed, params = typed_sql(node.test.kind, "q.v", self.zone)
        source = (
            "jsonb_path_query(CASE WHEN p.facts ? %s THEN p.facts -> %s ELSE p.facts END,"
            " CASE WHEN p.facts ? %s THEN %s::jsonpath ELSE %s::jsonpath END)"
        )
        return f"SELECT {typed} FROM {source} AS q (v)", [
            *params, path.name, path.name, path.name, tail, jsonpath(path.steps),
        ]  # fmt: skip

    def _event(self, node: Event) -> str:
        name = f"e{len(self.ctes)}"
        ids = None if self.scope.sql is None else "SELECT profile_id FROM scope"
        sql, params = sql_events.measure_sql(node, self.at, self.zone, ids)
        self.ctes.append(f"{name} AS ({sql})")
        self.cte_params += params
        self.joins.append(f"LEFT JOIN {name} ON {name}.profile_id = p.id")
        truth, flips = sql_events.truth_sql(node, name, AT), sql_events.flips_sql(node, name, AT)
        return self._add(truth, _ever(flips))


def compile_rule(
    node: Node, at: datetime, *, others: Mapping[str, Node], zone: str = "UTC", scope: Scope | None = None
) -> Sql:
    """A SELECT of (profile_id, member, flips_at) of everyone who is a member at `at`, or whom time alone may let in.

    `others`: the trees of the segments that the rule may refer to. `scope`: only these profiles."""
    build = _Builder(others, at, zone, scope or Scope())
    root = build.node(node)
    ctes, params = ["now_is AS MATERIALIZED (SELECT %s::timestamptz AS at)"], [at]
    restrict = ""
    if build.scope.sql is not None:
        ctes.append(f"scope (profile_id) AS MATERIALIZED ({build.scope.sql})")
        params += build.scope.params
        restrict = "WHERE p.id IN (SELECT profile_id FROM scope)"
    ctes += build.ctes
    params += build.cte_params
    joins = "\n".join(build.joins)
    return (
        f"WITH {', '.join(ctes)}\n"
        f"SELECT profile_id, member, nullif(flips_at, 'infinity') AS flips_at FROM (\n"
        f"SELECT p.id AS profile_id, {root}.t AS member, {root}.f AS flips_at\n"
        f"FROM now_is CROSS JOIN identity_profile p\n{joins}\n{restrict}) AS evaluated\n"
        "WHERE member OR flips_at < 'infinity'",
        params + build.join_params,
    )


def _ever(flips: Sql) -> Sql:
    return f"coalesce({flips[0]}, 'infinity'::timestamptz)", flips[1]
