"""Reading memberships. Every read honours `flips_at` and asks for permission: who has none is counted, never listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from consent.permits import permits_profiles, permitted_sql
from segments import load, program
from segments.evaluate import Subject
from segments.explain import Why, explain
from segments.models import Segment
from segments.nodes import Node, leaves, micros
from segments.rebuild import compiled
from segments.sql import Scope
from segments.sql_values import Sql


@dataclass(frozen=True)
class Member:
    """A person in a segment; `entered_at` None: entered by time alone, a moment ago."""

    profile_id: UUID
    entered_at: datetime | None


@dataclass(frozen=True)
class Size:
    """How many people are in a segment: those who may be listed for its purpose, and those who are withheld."""

    listed: int
    withheld: int


@dataclass(frozen=True)
class Standing:
    """A person's place in a segment. `permitted`: may be used for the segment's purpose; `because`: why (not)."""

    segment: Segment
    entered_at: datetime | None
    permitted: bool
    because: str


def members(
    segment: Segment, at: datetime, *, since: datetime | None = None, after: UUID | None = None, limit: int = 50
) -> list[Member]:
    """Up to `limit` members with permission for the segment's purpose, by profile id, after `after`. `since`: who entered then
    or later; whom time alone brought in a moment ago is among them."""
    sql, params = current_sql(segment, at)
    if since is not None:
        sql = f"SELECT * FROM ({sql}) AS entered WHERE coalesce(entered_at, %s) >= %s"
        params = [*params, at, since]
    return _listed(segment, sql, params, at, after, limit)


def _listed(
    segment: Segment, sql: str, params: Sequence[Any], at: datetime, after: UUID | None, limit: int
) -> list[Member]:
    permitted, more = permitted_sql(segment.purpose, at, column="c.profile_id")
    past = "AND c.profile_id > %s" if after is not None else ""
    keyset = [after] if after is not None else []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.profile_id, c.entered_at FROM ({sql}) AS c JOIN identity_profile p ON p.id = c.profile_id"
            f" WHERE {permitted} {past} ORDER BY c.profile_id LIMIT %s",
            [*params, *more, *keyset, limit],
        )
        return [Member(*row) for row in cursor.fetchall()]


def size(segment: Segment, at: datetime) -> Size:
    """How many are in it, listed and withheld."""
    sql, params = current_sql(segment, at)
    return _size(segment, sql, params, at)


def _size(segment: Segment, sql: str, params: Sequence[Any], at: datetime) -> Size:
    permitted, more = permitted_sql(segment.purpose, at, column="c.profile_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE allowed), count(*) FILTER (WHERE NOT allowed)"
            f" FROM (SELECT {permitted} AS allowed FROM ({sql}) AS c JOIN identity_profile p ON p.id = c.profile_id) AS asked",
            [*more, *params],
        )
        return Size(*cursor.fetchone())


def is_member(segment: Segment, profile_id: UUID, at: datetime) -> bool:
    """Whether a person is in a segment at `at`, permission aside."""
    sql, params = current_sql(segment, at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM ({sql}) AS c WHERE c.profile_id = %s)", [*params, profile_id])
        return bool(cursor.fetchone()[0])


def memberships(profile_id: UUID, at: datetime) -> list[Standing]:
    """The segments that a person is in, by name. Whether to show one that is not permitted is the caller's: it says so."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT segment_id, member, entered_at, flips_at FROM segments_membership WHERE profile_id = %s",
            [profile_id],
        )
        rows = cursor.fetchall()
    segments = Segment.objects.in_bulk([row[0] for row in rows])
    decisions: dict[str, Any] = {}
    found = []
    for segment_id, member, entered_at, flips_at in rows:
        segment = segments.get(segment_id)
        if segment is None or not segment.enabled:
            continue
        if flips_at is not None and flips_at <= at:
            member = is_member(segment, profile_id, at)
        if member:
            if segment.purpose not in decisions:
                decisions[segment.purpose] = permits_profiles([profile_id], segment.purpose, at=at)[profile_id]
            decision = decisions[segment.purpose]
            found.append(Standing(segment, entered_at, decision.allowed, decision.because))
    return sorted(found, key=lambda it: it.segment.name)


def current_sql(segment: Segment, at: datetime) -> Sql:
    """A query of (profile_id, entered_at) of everyone who is in a segment at `at`: as stored, and evaluated anew for those
    whose `flips_at` has come."""
    stored = (
        "SELECT profile_id, entered_at FROM segments_membership"
        " WHERE segment_id = %s AND member AND (flips_at IS NULL OR flips_at > %s)"
    )
    params: list[Any] = [segment.id, at]
    definition = program.current().of(segment.id)
    if definition is None:
        return f"{stored} AND false", params
    due = "SELECT profile_id FROM segments_membership WHERE segment_id = %s AND flips_at <= %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({due})", params)
        if not cursor.fetchone()[0]:
            return stored, params
    sql, more = compiled(definition, at, Scope(due, tuple(params)))
    anew = (
        f"SELECT f.profile_id, CASE WHEN m.member THEN m.entered_at END FROM ({sql}) AS f"
        " JOIN segments_membership m ON m.profile_id = f.profile_id AND m.segment_id = %s WHERE f.member"
    )
    return f"{stored} UNION ALL {anew}", [*params, *more, segment.id]


_STAYED = (
    "SELECT DISTINCT ON (profile_id) profile_id, entered_at FROM segments_stay"
    " WHERE segment_id = %s AND entered_at <= %s AND (left_at IS NULL OR left_at > %s) ORDER BY profile_id, entered_at"
)


def past_members(
    segment: Segment, on: datetime, *, now: datetime, after: UUID | None = None, limit: int = 50
) -> list[Member]:
    """Who was in the segment at a moment of the past; permission is asked as of `now`, when it is read."""
    return _listed(segment, _STAYED, [segment.id, on, on], now, after, limit)


def past_size(segment: Segment, on: datetime, *, now: datetime) -> Size:
    """How many were in it at a moment of the past."""
    return _size(segment, _STAYED, [segment.id, on, on], now)


def sizes_over_time(segment_ids: Sequence[UUID], now: datetime, *, days: int = 30) -> dict[UUID, list[int]]:
    """How many were in each segment at the end of each of the last days, today (so far) last; withheld ones included."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVES,
            [now, list(segment_ids), now - timedelta(days=days)] * 2,
        )
        moves = {(segment_id, day): net for segment_id, day, net in cursor.fetchall()}
        cursor.execute(
            "SELECT segment_id, count(*) FROM segments_membership WHERE segment_id = ANY(%s) AND member GROUP BY 1",
            [list(segment_ids)],
        )
        present = dict(cursor.fetchall())
    found = {}
    for segment_id in segment_ids:
        sizes = [present.get(segment_id, 0)]
        for day in range(days - 1):
            sizes.append(max(0, sizes[-1] - moves.get((segment_id, day), 0)))
        found[segment_id] = sizes[::-1]
    return found


# Who came minus who went, by segment and whole days before now.
_MOVES = """
SELECT segment_id, day, sum(net)::int FROM (
    SELECT segment_id, floor(extract(epoch FROM %s - entered_at) / 86400)::int AS day, 1 AS net FROM segments_stay
    WHERE segment_id = ANY(%s) AND entered_at > %s
    UNION ALL
    SELECT segment_id, floor(extract(epoch FROM %s - left_at) / 86400)::int, -1 FROM segments_stay
    WHERE segment_id = ANY(%s) AND left_at > %s
) AS moves GROUP BY 1, 2
"""


def why(segment: Segment, profile_id: UUID, at: datetime) -> Why | None:
    """Why a person is in a segment, or is not. None: no such profile, or the segment is disabled."""
    current = program.current()
    definition = current.of(segment.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts::text FROM identity_profile WHERE id = %s", [profile_id])
        row = cursor.fetchone()
    if row is None or definition is None:
        return None
    return _explained(definition.node, orjson.loads(row[0]), profile_id, at, current)


def _explained(node: Node, facts: dict[str, Any], profile_id: UUID, at: datetime, current: program.Program) -> Why:
    conditions = [leaf for tree in (node, *current.nodes.values()) for leaf in leaves(tree)]
    past = load.histories([profile_id], conditions, micros(at), with_ids=True).get(profile_id, {})
    allowed = load.consents([profile_id], conditions, at).get(profile_id, {})
    return explain(node, Subject(facts, past, allowed), micros(at), others=current.nodes, zone=current.zone)
