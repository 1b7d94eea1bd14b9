"""People who share a mailbox, a phone or a card and are not one person: a household. A link of its own kind, never a merge."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from identity.rules import EMAIL, LABELS, LOYALTY_CARD, PHONE

MOST = 8  # profiles: what more of them hold is a switchboard or a junk value, no household
_SHARED = """
WITH mine AS (
    SELECT DISTINCT e.kind, e.digest FROM identity_record r JOIN identity_evidence e ON e.record_id = r.id
    WHERE r.profile_id = %s AND e.kind = ANY(%s)
    AND NOT EXISTS (SELECT FROM identity_retiredvalue v WHERE v.digest = e.digest AND v.reason = 'junk')
), others AS (
    SELECT mine.kind, mine.digest, r.profile_id FROM mine
    CROSS JOIN LATERAL (SELECT record_id FROM identity_evidence e WHERE e.digest = mine.digest AND e.kind = mine.kind LIMIT 101) e
    JOIN identity_record r ON r.id = e.record_id WHERE r.profile_id <> %s GROUP BY 1, 2, 3
)
SELECT profile_id, array_agg(DISTINCT kind ORDER BY kind) FROM others
WHERE digest IN (SELECT digest FROM others GROUP BY digest HAVING count(*) < %s) GROUP BY 1 ORDER BY count(*) DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Member:
    """Another profile, and the kinds of value that it shares."""

    profile_id: UUID
    kinds: tuple[str, ...]


def household(profile_id: UUID) -> list[Member]:
    """Who shares values with a profile, those with most first."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [profile_id, [EMAIL, PHONE, LOYALTY_CARD], profile_id, MOST])
        return [Member(id, tuple(LABELS[kind] for kind in kinds)) for id, kinds in cursor.fetchall()]
