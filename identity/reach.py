"""What consent asks of identity about keys that are limited to sources."""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

_KNOWN = """
SELECT EXISTS (
    SELECT FROM identity_evidence e JOIN identity_record held ON held.id = e.record_id
    JOIN identity_record own ON own.profile_id = held.profile_id
    WHERE e.digest = ANY(%s) AND own.source_id = ANY(%s)
)
"""


def known(digests: Collection[UUID], sources: Collection[UUID]) -> bool:
    """Does a profile that holds one of these digests have a record of one of these sources?"""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(digests), list(sources)])
        return bool(cursor.fetchone()[0])
