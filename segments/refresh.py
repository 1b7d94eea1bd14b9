"""Live memberships: evaluates the people whom a change touched, in the transaction of that change."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from segments import load, memberships, program
from segments.evaluate import Subject
from segments.memberships import Difference
from segments.nodes import FOREVER, micros, moment
from segments.program import Changes, Definition

__all__ = ["Changes", "refresh"]

_LATEST = micros(datetime.fromisoformat("9999-12-31T00:00:00+00:00"))


def refresh(profile_ids: Iterable[UUID], *, at: datetime, changed: Changes | None = None) -> int:
    """Brings the memberships of these profiles up to date, as of `at`; how many were entered or left.

    In the caller's transaction: locks the profile rows in id order. Only the segments that what `changed` can move are
    evaluated (None: all). Profiles that are no more lose their memberships.
    """
    ids = sorted(set(profile_ids))
    if not ids:
        return 0
    program.share()
    facts = lock(ids)
    moved = 0
    gone = [it for it in ids if it not in facts]
    if gone:
        moved += memberships.remove(gone, at=at)
    chosen = program.current().affected(changed)
    if chosen and facts:
        moved += memberships.write(_differences(facts, chosen, at))
    return moved


def lock(profile_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Locks the rows of those profiles that exist, in id order; their golden facts as JSON text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, facts::text FROM identity_profile WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
            [list(profile_ids)],
        )
        return dict(cursor.fetchall())


def subjects(facts: dict[UUID, str], chosen: Sequence[Definition], at: datetime, *, since: int) -> dict[UUID, Subject]:
    """What the rules need of these people, for evaluation at `since` (microseconds) and later; consents as of `at`."""
    conditions = [leaf for definition in chosen for leaf in definition.leaves]
    ids = list(facts)
    past = load.histories(ids, conditions, since)
    allowed = load.consents(ids, conditions, at)
    empty: dict[Any, Any] = {}
    return {it: Subject(orjson.loads(facts[it]), past.get(it, empty), allowed.get(it, empty)) for it in ids}


def until(flips: int) -> datetime | None:
    """A moment of flipping as it is stored; None when time alone changes nothing (or not before the year 9999)."""
    return None if flips >= _LATEST else moment(flips)


def _differences(facts: dict[UUID, str], chosen: Sequence[Definition], at: datetime) -> list[Difference]:
    now = micros(at)
    people = subjects(facts, chosen, at, since=now)
    stored = _stored(list(facts), chosen)
    found = []
    for definition in chosen:
        judge, segment_id = definition.judge, definition.id
        before = stored[segment_id]
        for profile_id, subject in people.items():
            truth, flips = judge(subject, now)
            was, flipped = before.get(profile_id, _NOTHING)
            if truth is not was or (flips != flipped and until(flips) != until(flipped)):
                found.append(Difference(segment_id, definition.key, profile_id, was, truth, until(flips), at))
    return found


def _stored(profile_ids: list[UUID], chosen: Sequence[Definition]) -> dict[UUID, dict[UUID, tuple[bool, int]]]:
    """Segment -> profile -> (member, flips at). Moments as numbers: a thousand people have many, and dates are slow to read."""
    found: dict[UUID, dict[UUID, tuple[bool, int]]] = {definition.id: {} for definition in chosen}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT segment_id, profile_id, member, (extract(epoch FROM flips_at) * 1000000)::bigint FROM segments_membership"
            " WHERE profile_id = ANY(%s) AND segment_id = ANY(%s)",
            [profile_ids, list(found)],
        )
        for segment_id, profile_id, member, flips in cursor.fetchall():
            found[segment_id][profile_id] = member, FOREVER if flips is None else flips
    return found


_NOTHING = (False, FOREVER)
