"""Reads what rules need of many people at once: one query for their events, one for each purpose's permissions."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from cdp.database.together import together
from consent.permits import flips_sql, permitted_sql
from segments.evaluate import Verdict
from segments.history import Column
from segments.nodes import FOREVER, Consent, Event, InSegment, Path, Trait, micros, moment

Leaf = Trait | Event | InSegment | Consent
_YEAR_1 = -62_135_596_800_000_000


@dataclass
class _Need:
    """What is needed of the events of one name: values at these paths, from `since` (microseconds) on; None: all."""

    name: UUID
    paths: dict[str, Path] = field(default_factory=dict)
    since: int | None = FOREVER


def jsonpath(steps: Sequence[str]) -> str:
    """The PostgreSQL jsonpath of a path."""
    return "$" + "".join("[*]" if step == "[]" else f".{json.dumps(step)}" for step in steps)


def needs(conditions: Iterable[Leaf], at: int) -> dict[str, _Need]:
    """What these conditions need of events, by event name."""
    found: dict[str, _Need] = {}
    for leaf in conditions:
        if not isinstance(leaf, Event):
            continue
        need = found.setdefault(leaf.label, _Need(leaf.name))
        since = at - leaf.window.last if leaf.window.last is not None else leaf.window.start
        if since is not None and leaf.window.start is not None:
            since -= 1  # the window's start belongs to it
        need.since = None if since is None or need.since is None else min(need.since, since)
        for path in ([leaf.of] if leaf.of else []) + [where.path for where in leaf.where]:
            need.paths[path.name] = path
    return found


@dataclass
class Pasts:
    """What is stored of many people's events, as one statement saw it: profile id -> event name -> column; and profile id ->
    (its records, the places of those of its events that still wait in the queue)."""

    histories: dict[UUID, dict[str, Column]] = field(default_factory=lambda: defaultdict(dict))
    records: dict[UUID, tuple[frozenset[UUID], set[int]]] = field(default_factory=dict)


_WHO = "WITH who AS MATERIALIZED (SELECT id, profile_id FROM identity_record WHERE profile_id = ANY(%s))\n"
_WAITING = """
SELECT NULL::uuid, w.profile_id, coalesce(array_agg(h.id) FILTER (WHERE h.id IS NOT NULL), '{}')::text, NULL::text[],
    array_agg(w.id)
FROM who w LEFT JOIN outbox_happening h ON h.record_id = w.id GROUP BY w.profile_id
"""


def histories(
    profile_ids: Sequence[UUID], conditions: Iterable[Leaf], at: int, *, with_ids: bool = False
) -> dict[UUID, dict[str, Column]]:
    """The events that conditions need at `at` and later: profile id -> event name -> column."""
    wanted = needs(conditions, at)
    if not wanted or not profile_ids:
        return defaultdict(dict)
    return _read(profile_ids, wanted, with_ids=with_ids).histories


def pasts(profile_ids: Sequence[UUID], conditions: Iterable[Leaf], at: int) -> Pasts:
    """`histories`, and what of them still waits to be followed: of one and the same moment."""
    return _read(profile_ids, needs(conditions, at), waiting=True)


def _read(
    profile_ids: Sequence[UUID], wanted: dict[str, _Need], *, with_ids: bool = False, waiting: bool = False
) -> Pasts:
    parts, params = [_WAITING] if waiting else [], [list(profile_ids)]
    paths = {path.name: path for need in wanted.values() for path in need.paths.values()}
    if wanted:
        sql, more = _events_sql(wanted, paths.values(), with_ids=with_ids)
        parts.append(sql)
        params += more
    result, labels = Pasts(), {need.name: label for label, need in wanted.items()}
    for name, profile_id, times, values, ids in together((_WHO + "\nUNION ALL\n".join(parts), params))[0]:
        numbers = orjson.loads(f"[{times[1:-1]}]")
        if name is None:
            result.records[profile_id] = frozenset(ids), set(numbers)
            continue
        read = dict(zip(paths, values, strict=True))
        columns = {it: _values(path, read[it]) for it, path in wanted[labels[name]].paths.items()}
        result.histories[profile_id][labels[name]] = Column(numbers, columns, ids)
    return result


def _events_sql(wanted: dict[str, _Need], paths: Iterable[Path], *, with_ids: bool) -> tuple[str, list[Any]]:
    """A row for each person and event name. One look at each record's events, whatever the number of names: finding them in the
    index is what costs."""
    order = "ORDER BY e.occurred_at, e.message"
    values: list[str] = []
    params: list[Any] = []
    for path in paths:
        value = "e.facts->%s" if path.plain else "jsonb_path_query_array(e.facts, %s::jsonpath)"
        asking = [need.name for need in wanted.values() if path.name in need.paths]
        values.append(f"(jsonb_agg({value} {order}) FILTER (WHERE e.name = ANY(%s::uuid[])))::text")
        params += [path.steps[0] if path.plain else jsonpath(path.steps), asking]
    always, lately = [], list[str]()
    tail: list[Any] = []
    for need in wanted.values():
        if need.since is not None and need.since > _YEAR_1:
            lately.append("OR (e.name = %s AND e.occurred_at > %s)")
            tail += [need.name, moment(need.since)]
        else:
            always.append(need.name)
    ids = f"array_agg(e.id {order})" if with_ids else "NULL::uuid[]"
    return (
        f"SELECT e.name, w.profile_id, array_agg((extract(epoch FROM e.occurred_at) * 1000000)::bigint {order})::text,"
        f" ARRAY[{', '.join(values)}]::text[], {ids}"
        " FROM who w JOIN events_event e ON e.record_id = w.id"
        f" WHERE e.name = ANY(%s::uuid[]) AND (e.name = ANY(%s::uuid[]) {' '.join(lately)})"
        " GROUP BY w.profile_id, e.name",
        [*params, [need.name for need in wanted.values()], always, *tail],
    )


def _values(path: Path, text: str) -> list[Sequence[Any]]:
    found = orjson.loads(text)
    if not path.plain:
        return [[it for it in values if it is not None] if None in values else values for values in found]
    return [(value,) if value is not None else () for value in found]


def consents(profile_ids: Sequence[UUID], conditions: Iterable[Leaf], at: datetime) -> dict[UUID, dict[str, Verdict]]:
    """For each profile the purposes that conditions ask for: permitted at `at`?, and until when that is sure."""
    result: dict[UUID, dict[str, Verdict]] = defaultdict(dict)
    for purpose in {leaf.purpose for leaf in conditions if isinstance(leaf, Consent)}:
        permitted, params = permitted_sql(purpose, at)
        flips, more = flips_sql(purpose, at)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT party_id, {permitted}, {flips} FROM unnest(%s::uuid[]) AS asked (party_id)",
                [*params, *more, list(profile_ids)],
            )
            for profile_id, allowed, until in cursor.fetchall():
                result[profile_id][purpose] = allowed, FOREVER if until is None else micros(until)
    return result
