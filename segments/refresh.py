"""What the executors of rules read of people: rows locked, facts, histories, consents, and the memberships as they are stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from cdp.database.together import together
from segments import load
from segments.evaluate import Subject
from segments.nodes import FOREVER, micros, moment
from segments.program import Definition

_LATEST = micros(datetime.fromisoformat("9999-12-31T00:00:00+00:00"))

_STORED = """
SELECT segment_id, profile_id, member, (extract(epoch FROM flips_at) * 1000000)::bigint FROM segments_membership
WHERE profile_id = ANY(%s)
"""


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


def stored(profile_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, tuple[bool, int]]]:
    """Profile -> segment -> (member, flips at). Moments as numbers: a thousand people have many, and dates are slow to read."""
    found: dict[UUID, dict[UUID, tuple[bool, int]]] = {it: {} for it in profile_ids}
    for segment_id, profile_id, member, flips in together((_STORED, [list(profile_ids)]))[0]:
        found[profile_id][segment_id] = member, FOREVER if flips is None else flips
    return found
