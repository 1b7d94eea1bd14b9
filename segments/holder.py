"""This room's share of personal data: which segments a person is and was in."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

_TABLES = ("segments_membership", "segments_stay")
# The profiles of the records, and the ids under which they were known before they were merged.
_PROFILES = """
WITH RECURSIVE known (id) AS (
    SELECT DISTINCT profile_id FROM identity_record WHERE id = ANY(%s) AND profile_id IS NOT NULL
    UNION SELECT r.old_id FROM identity_redirect r JOIN known k ON r.new_id = k.id
) SELECT id FROM known
"""
# Only people of whom no other record remains; the others are evaluated again when their profile changes.
_WHOLE = """
WITH RECURSIVE known (id) AS (
    SELECT profile_id FROM identity_record WHERE profile_id IN (
        SELECT profile_id FROM identity_record WHERE id = ANY(%s))
    GROUP BY profile_id HAVING bool_and(id = ANY(%s))
    UNION SELECT r.old_id FROM identity_redirect r JOIN known k ON r.new_id = k.id
) SELECT id FROM known
"""


class Memberships:
    """Holder of memberships and their history."""

    name = "segments"
    models = ("segments.membership", "segments.stay")

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many rows are about the people of these records."""
        ids = _query(_PROFILES, [list(record_ids)])
        return sum(_query(f"SELECT count(*) FROM {table} WHERE profile_id = ANY(%s)", [ids])[0] for table in _TABLES)

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """The stays: segment, from when, until when."""
        ids = _query(_PROFILES, [list(record_ids)])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(g.name, s.segment_id::text), s.entered_at, s.left_at FROM segments_stay s"
                " LEFT JOIN segments_segment g ON g.id = s.segment_id WHERE s.profile_id = ANY(%s) ORDER BY s.entered_at",
                [ids],
            )
            for name, entered_at, left_at in cursor.fetchall():
                left = left_at.isoformat() if left_at else None
                yield {"segment": name, "entered_at": entered_at.isoformat(), "left_at": left}

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes memberships and history of the people of whom these are all records."""
        ids = list(record_ids)
        people = _query(_WHOLE, [ids, ids])
        erased = 0
        with connection.cursor() as cursor:
            for table in _TABLES:
                cursor.execute(f"DELETE FROM {table} WHERE profile_id = ANY(%s)", [people])
                erased += cursor.rowcount
        return erased

    def purge(self, now: datetime) -> int:
        """Nothing by age alone."""
        return 0


def _query(sql: str, params: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]
