"""What stewards decided, as labels for training: pairs of records that are one person, or two."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

_LABELS = """
SELECT c.left_id, c.right_id, c.verdict = 'must_link' FROM identity_constraint c
JOIN identity_record l ON l.id = c.left_id JOIN identity_record r ON r.id = c.right_id ORDER BY c.left_id, c.right_id
"""


@dataclass(frozen=True, slots=True)
class Label:
    """left < right."""

    left: UUID
    right: UUID
    same: bool


def labels() -> list[Label]:
    """Every decision about two records that are still there, in a fixed order. Who was unsure gives no label."""
    with connection.cursor() as cursor:
        cursor.execute(_LABELS)
        return [Label(*row) for row in cursor.fetchall()]
