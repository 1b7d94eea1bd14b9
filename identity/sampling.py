"""Pairs drawn by chance for stewards to judge: how often merges are right can be estimated from their answers alone."""

from datetime import datetime

from django.db import connection, transaction

from cdp import audit
from cdp.audit import Actor
from cdp.ids import uuid7

MOST = 500
# Pairs of records that links join in one profile, about which nothing is asked or decided yet: each as likely as any other.
_DRAW = """
SELECT l.left_id, l.right_id, sum(l.weight), max(l.probability) FROM identity_link l
JOIN identity_record a ON a.id = l.left_id JOIN identity_record b ON b.id = l.right_id AND b.profile_id = a.profile_id
WHERE NOT EXISTS (SELECT FROM identity_review v WHERE v.left_id = l.left_id AND v.right_id = l.right_id)
AND NOT EXISTS (SELECT FROM identity_constraint c WHERE c.left_id = l.left_id AND c.right_id = l.right_id)
GROUP BY 1, 2 ORDER BY random() LIMIT %s
"""
_ASK = """
INSERT INTO identity_review (id, left_id, right_id, probability, bits, reason, state, decided_by, at)
SELECT id, left_id, right_id, probability, bits, 'sample', 'open', '', %s
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::float8[], %s::float8[]) AS n(id, left_id, right_id, probability, bits)
ON CONFLICT (left_id, right_id) DO NOTHING
"""


def draw(size: int, *, by: Actor, at: datetime) -> int:
    """Asks about so many pairs (1 to 500) of those that are linked now; how many questions it made: fewer where fewer are left.

    Raises ValueError for another size."""
    if not 1 <= size <= MOST:
        raise ValueError(f"Draw 1 to {MOST} pairs at a time.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DRAW, [size])
        rows = cursor.fetchall()
        chances = [p if p is not None else 1 - 2.0 ** -max(bits, 1.0) for _, _, bits, p in rows]
        cursor.execute(
            _ASK,
            [
                at,
                [uuid7() for _ in rows],
                [it[0] for it in rows],
                [it[1] for it in rows],
                chances,
                [it[2] for it in rows],
            ],
        )
        made = int(cursor.rowcount)
        audit.record("quality.sample", by=by, object=("review", ""), rows=made)
    return made
