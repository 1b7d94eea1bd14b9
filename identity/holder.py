"""Identity's own share of what is known of a person: records, evidence, golden records."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


class People:
    """Holder of records, their evidence and what is derived from them."""

    name = "identity"
    models = (
        "identity.record", "identity.evidence", "identity.retiredvalue", "identity.link", "identity.constraint",
        "identity.profile", "identity.redirect", "identity.merge", "identity.matchmodel", "identity.matchrow",
        "identity.matchkey", "identity.retiredkey", "identity.review", "identity.suspect",
    )  # fmt: skip

    def find(self, record_ids: Iterable[UUID]) -> int:
        """Rows of records and evidence."""
        ids = list(record_ids)
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT (SELECT count(*) FROM identity_record WHERE id = ANY(%s::uuid[]))
                        + (SELECT count(*) FROM identity_evidence WHERE record_id = ANY(%s::uuid[]))""",
                [ids, ids],
            )
            return int(cursor.fetchone()[0])

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """One object a record: its key, identifiers and traits, opened, with the times they were observed."""
        from identity.profiles import export

        yield from export(list(record_ids))

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes records and all that hangs on them, and clusters the rest as if they had never been."""
        from identity.erase import erase

        return erase(list(record_ids))

    def purge(self, now: datetime) -> int:
        """Nothing here has an age of its own: records go by retention of what they belong to."""
        return 0
