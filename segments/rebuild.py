"""Set-based builds: a segment's members of the whole base in one statement; what differs is written under the row locks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction

from cdp import outbox
from segments import memberships, program
from segments.memberships import Difference
from segments.models import Segment
from segments.program import Definition
from segments.refresh import lock
from segments.sql import Scope, compile_rule
from segments.sql_values import Sql
from segments.wake import wake

_CHUNK = 10_000


def rebuild(segment: UUID | None = None, *, check: bool = False, at: datetime | None = None) -> int:
    """Recomputes the memberships of a segment (None: of all) as of `at` (default: now); how many were otherwise.

    `check`: only counts. What time alone has changed by `at` is brought up to date first, for that is no difference.
    Commits in chunks, so it may run beside the live path and be repeated; not for use inside a transaction that wrote profiles.
    """
    moment = at or datetime.now(UTC)
    while wake(moment):
        pass
    found = 0
    for definition in program.current().definitions:
        if segment in (None, definition.id):
            found += _one(definition, moment, check=check)
    return found + (0 if segment or check else _sweep(moment))


def build(segment_id: UUID, *, at: datetime) -> int:
    """Builds a segment after its rule was made or changed, and those that refer to it; how many entered or left.

    A disabled or removed segment loses its members."""
    current = program.current()
    definition = current.of(segment_id)
    if definition is None:
        return _sweep(at)
    return sum(_one(it, at, check=False) for it in (definition, *current.dependents(definition.key)))


def _one(definition: Definition, at: datetime, *, check: bool) -> int:
    moved = 0
    for ids in _chunks(_differing(definition, at)):
        moved += _bring(definition.id, ids, at, check=check)
    if not check:
        Segment.objects.filter(id=definition.id, version=definition.version).update(built_at=at)
    return moved


def compiled(definition: Definition, at: datetime, scope: Scope | None = None) -> Sql:
    """The statement of a segment's members."""
    current = program.current()
    return compile_rule(definition.node, at, others=current.nodes, zone=str(current.zone), scope=scope)


def _differing(definition: Definition, at: datetime) -> list[UUID]:
    """Whose stored membership is not what the rule says now: candidates, read without locks.

    A stored moment may be early (somebody then looks, and finds nothing changed), but never late."""
    sql, params = compiled(definition, at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coalesce(f.profile_id, m.profile_id) FROM ({sql}) AS f
            FULL JOIN (SELECT profile_id, member, flips_at FROM segments_membership WHERE segment_id = %s) AS m
                ON m.profile_id = f.profile_id
            WHERE coalesce(f.member, false) <> coalesce(m.member, false)
                OR f.flips_at < coalesce(m.flips_at, 'infinity') ORDER BY 1
            """,
            [*params, definition.id],
        )
        return [row[0] for row in cursor.fetchall()]


def _chunks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


@transaction.atomic
def _bring(segment_id: UUID, ids: Sequence[UUID], at: datetime, *, check: bool) -> int:
    """Evaluates these people again under their locks, by the rule as it now is, and writes (or only counts) what differs."""
    program.share()
    lock(ids)
    definition = program.current().of(segment_id)
    if definition is None:
        return 0
    sql, params = compiled(definition, at, Scope.of(ids))
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        fresh = {profile_id: (member, flips) for profile_id, member, flips in cursor.fetchall()}
        cursor.execute(
            "SELECT profile_id, member, flips_at FROM segments_membership WHERE segment_id = %s AND profile_id = ANY(%s)",
            [segment_id, list(ids)],
        )
        stored = {profile_id: (member, flips) for profile_id, member, flips in cursor.fetchall()}
    nothing = (False, None)
    differences = [
        Difference(segment_id, definition.key, it, stored.get(it, nothing)[0], *fresh.get(it, nothing), at)
        for it in ids
        if _differs(stored.get(it, nothing), fresh.get(it, nothing))
    ]
    if check:
        return sum(it.was is not it.member for it in differences)
    # Who follows live has the old memberships in memory.
    outbox.changed([it.profile_id for it in differences], reason="rebuild")
    return memberships.write(differences)


def _differs(stored: tuple[bool, datetime | None], fresh: tuple[bool, datetime | None]) -> bool:
    (was, flipped), (member, flips) = stored, fresh
    return was is not member or (flips is not None and (flipped is None or flips < flipped))


@transaction.atomic
def _sweep(at: datetime) -> int:
    """Ends the memberships of segments that are disabled or gone."""
    program.share()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT m.segment_id FROM segments_membership m"
            " LEFT JOIN segments_segment s ON s.id = m.segment_id AND s.enabled WHERE s.id IS NULL"
        )
        return sum(memberships.remove([], at=at, segment_id=row[0]) for row in cursor.fetchall())
