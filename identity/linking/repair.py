"""What is stored for matching, made right from records alone: a part of `identity.rebuild`. Under the identity lock."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from identity import records
from identity.linking import active, index, settle

_PAGE = "SELECT DISTINCT key FROM identity_matchkey WHERE %s::bigint IS NULL OR key > %s::bigint ORDER BY key LIMIT %s"
_ORPHANS = """
DELETE FROM identity_matchkey k WHERE key BETWEEN %s AND %s
AND NOT EXISTS (SELECT FROM identity_matchrow m WHERE m.record_id = k.record_id AND k.key = ANY(m.keys))
"""
_COUNT = """
SELECT key, n FROM (SELECT key, count(*) AS n FROM identity_matchkey WHERE key BETWEEN %(first)s AND %(last)s
                    GROUP BY key HAVING count(*) > %(limit)s) AS crowded
"""
_RETIRE = f"""
INSERT INTO identity_retiredkey (key, n) {_COUNT}
ON CONFLICT (key) DO UPDATE SET n = excluded.n WHERE identity_retiredkey.n <> excluded.n
"""
_RELEASE = """
DELETE FROM identity_retiredkey WHERE key BETWEEN %(first)s AND %(last)s
AND key NOT IN (SELECT key FROM identity_matchkey WHERE key BETWEEN %(first)s AND %(last)s
                GROUP BY key HAVING count(*) > %(limit)s)
"""
_MISSING = """
INSERT INTO identity_matchkey (key, record_id) SELECT unnest(keys), record_id FROM identity_matchrow
WHERE record_id = ANY(%s::uuid[]) ON CONFLICT DO NOTHING
"""


def keys(after: int | None, limit: int) -> list[int]:
    """A page of blocking keys."""
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [after, after, limit])
        return [row[0] for row in cursor.fetchall()]


def recount(page: Sequence[int]) -> int:
    """Deletes these keys of records that do not have them, and makes right which are retired; how many differed."""
    span = {"first": page[0], "last": page[-1], "limit": index.LIMIT}
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, [page[0], page[-1]])
        differences = cursor.rowcount
        cursor.execute(_RETIRE, span)
        differences += cursor.rowcount
        cursor.execute(_RELEASE, span)
        return int(differences + cursor.rowcount)


def index_rows(ids: Sequence[UUID]) -> int:
    """Adds the keys of these records that the index lacks; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, [list(ids)])
        return int(cursor.rowcount)


def likeness(ids: Sequence[UUID], at: datetime) -> int:
    """Prepares, keys and scores these records anew; how many rows, links and questions differed. Without a model in force
    nobody is like anybody."""
    model = active.current()
    if model is not None:
        return settle.settle(model, records.by_id(ids), at=at, anew=True).differences
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM identity_link WHERE rule = 'similar' AND left_id = ANY(%s::uuid[])", [list(ids)])
        return int(cursor.rowcount)
