"""The segments of people, with the permissions that are known already. `flips_at` is honoured."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.arrays import uuids
from cdp.database.together import Statement
from consent import rules
from consent.permits import Decision, permitted_sql
from segments.models import Segment
from segments.reads import is_member

_OF = """
SELECT m.profile_id, s.id, s.key, s.name, s.purpose, m.member, m.entered_at, m.flips_at
FROM segments_membership m JOIN segments_segment s ON s.id = m.segment_id AND s.enabled
WHERE m.profile_id = ANY(%s::uuid[]) ORDER BY s.key
"""


@dataclass(frozen=True, slots=True)
class Belonging:
    """A membership of now. `entered_at` None: by time alone, a moment ago. `flips_at`: when time alone may end it."""

    id: UUID
    key: str
    name: str
    purpose: str
    entered_at: datetime | None
    flips_at: datetime | None


@dataclass(frozen=True, slots=True)
class Belongings:
    """The segments a person is in, by key, and in how many more they are withheld for want of permission."""

    listed: list[Belonging]
    withheld: int


def statement(profile_ids: Collection[UUID]) -> Statement:
    """What `belongings` reads."""
    return _OF, [uuids(profile_ids)]


def belongings(
    profile_id: UUID, rows: Iterable[tuple[Any, ...]], decisions: Mapping[str, Decision], *, at: datetime
) -> Belongings:
    """One profile's segments, from the rows of `statement`.

    What time alone may have changed since it was stored is evaluated anew, whether a wake-up has reached it or not."""
    found, withheld = [], 0
    for owner, id, key, name, purpose, member, entered_at, flips_at in rows:
        if owner != profile_id:
            continue
        due = flips_at is not None and flips_at <= at
        if not (is_member(Segment.objects.get(pk=id), profile_id, at) if due else member):
            continue
        if decisions.get(purpose, rules.UNKNOWN).allowed:
            found.append(Belonging(id, key, name, purpose, entered_at, None if due else flips_at))
        else:
            withheld += 1
    return Belongings(found, withheld)


def segments_in(profile_ids: Sequence[UUID], *, at: datetime) -> dict[UUID, int]:
    """In how many segments each of these profiles is, as stored, as far as it permits their purposes."""
    purposes = list(Segment.objects.filter(enabled=True).order_by().values_list("purpose", flat=True).distinct())
    if not purposes or not profile_ids:
        return {}
    allowed: list[str] = []
    params: list[Any] = []
    for purpose in purposes:
        condition, more = permitted_sql(purpose, at, column="m.profile_id")
        allowed.append(f"(s.purpose = %s AND {condition})")
        params += [purpose, *more]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.profile_id, count(*) FROM segments_membership m JOIN segments_segment s ON s.id = m.segment_id"
            f" WHERE m.profile_id = ANY(%s) AND m.member AND s.enabled AND ({' OR '.join(allowed)}) GROUP BY 1",
            [list(profile_ids), *params],
        )
        return dict(cursor.fetchall())
