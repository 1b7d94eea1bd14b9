"""Writes evaluated memberships: only what differs, with its history and what must be told onward."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cdp import outbox


@dataclass(frozen=True, slots=True)
class Difference:
    """A membership that is no longer as stored. `was`, `member`: before and now. `at`: since when."""

    segment_id: UUID
    key: str
    profile_id: UUID
    was: bool
    member: bool
    flips_at: datetime | None
    at: datetime


_KEEP = """
INSERT INTO segments_membership (segment_id, profile_id, member, entered_at, flips_at)
SELECT segment_id, profile_id, member, CASE WHEN member THEN at END, flips_at
FROM unnest(%s::uuid[], %s::uuid[], %s::boolean[], %s::timestamptz[], %s::timestamptz[])
    AS new (segment_id, profile_id, member, at, flips_at)
ON CONFLICT (segment_id, profile_id) DO UPDATE SET member = excluded.member, flips_at = excluded.flips_at,
    entered_at = CASE WHEN segments_membership.member AND excluded.member THEN segments_membership.entered_at
                      ELSE excluded.entered_at END
"""
_DROP = """
DELETE FROM segments_membership m USING unnest(%s::uuid[], %s::uuid[]) AS gone (segment_id, profile_id)
WHERE m.segment_id = gone.segment_id AND m.profile_id = gone.profile_id
"""
_ENTER = """
INSERT INTO segments_stay (segment_id, profile_id, entered_at)
SELECT segment_id, profile_id, at FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS new (segment_id, profile_id, at)
ON CONFLICT (profile_id, segment_id) WHERE left_at IS NULL DO NOTHING
"""
_LEAVE = """
UPDATE segments_stay s SET left_at = greatest(gone.at, s.entered_at)
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS gone (segment_id, profile_id, at)
WHERE s.segment_id = gone.segment_id AND s.profile_id = gone.profile_id AND s.left_at IS NULL
"""


def write(differences: Iterable[Difference]) -> int:
    """Writes differences of existing profiles, each (segment, profile) at most once; how many entered or left.

    In the caller's transaction, which holds the profiles' row locks."""
    found = list(differences)
    kept = [it for it in found if it.member or it.flips_at is not None]
    dropped = [it for it in found if not it.member and it.flips_at is None]
    entered = [it for it in found if it.member and not it.was]
    left = [it for it in found if it.was and not it.member]
    with connection.cursor() as cursor:
        if kept:
            columns: list[list[Any]] = [
                [it.member for it in kept],
                [it.at for it in kept],
                [it.flips_at for it in kept],
            ]
            cursor.execute(_KEEP, [*_keys(kept), *columns])
        if dropped:
            cursor.execute(_DROP, _keys(dropped))
        if entered:
            cursor.execute(_ENTER, [*_keys(entered), [it.at for it in entered]])
        if left:
            cursor.execute(_LEAVE, [*_keys(left), [it.at for it in left]])
    _tell("segment.entered", entered)
    _tell("segment.left", left)
    return len(entered) + len(left)


def _keys(rows: Sequence[Difference]) -> list[list[Any]]:
    return [[it.segment_id for it in rows], [it.profile_id for it in rows]]


def _tell(topic: str, rows: Sequence[Difference]) -> None:
    outbox.tell(
        topic,
        (
            (it.profile_id, {"segment_id": str(it.segment_id), "segment": it.key, "at": it.at.isoformat()})
            for it in rows
        ),
    )


def remove(profile_ids: Sequence[UUID], *, at: datetime, segment_id: UUID | None = None) -> int:
    """Ends all memberships of profiles that are no more (merged away), or all of a segment. In the caller's transaction."""
    condition, params = (
        ("profile_id = ANY(%s)", [list(profile_ids)]) if segment_id is None else ("segment_id = %s", [segment_id])
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (DELETE FROM segments_membership WHERE {condition} RETURNING segment_id, profile_id, member)
            SELECT g.segment_id, coalesce(s.key, ''), g.profile_id FROM gone g
            LEFT JOIN segments_segment s ON s.id = g.segment_id WHERE g.member
            """,
            params,
        )
        left = [Difference(segment, key, profile, True, False, None, at) for segment, key, profile in cursor.fetchall()]
    return write_left(left)


def write_left(left: Sequence[Difference]) -> int:
    """Closes the stays of memberships that are already gone."""
    if left:
        with connection.cursor() as cursor:
            cursor.execute(_LEAVE, [*_keys(left), [it.at for it in left]])
        _tell("segment.left", left)
    return len(left)
