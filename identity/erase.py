"""Deleting records: what remains is clustered as if they had never been."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from cdp import outbox
from consent import parties
from identity import locks, regroup, relink
from identity.linking import active
from identity.records import Rec

_SHARED = "SELECT digest FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[]) AND reason = 'shared'"


def erase(record_ids: Sequence[UUID], *, at: datetime | None = None) -> int:
    """Deletes records with evidence, links, constraints and history, in the caller's transaction; how many rows went.

    Their neighbours are linked and clustered anew. A profile without records is deleted and its redirects with it."""
    ids = list(record_ids)
    at = at or datetime.now(UTC)
    locks.take()
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id FROM identity_record WHERE id = ANY(%s::uuid[])", [ids])
        profiles = {row[0] for row in cursor.fetchall() if row[0] is not None}
        cursor.execute(
            "DELETE FROM identity_link WHERE left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[]) RETURNING left_id, right_id",
            [ids, ids],
        )
        near = {record for row in cursor.fetchall() for record in row}
        cursor.execute("DELETE FROM identity_evidence WHERE record_id = ANY(%s::uuid[]) RETURNING digest", [ids])
        evidence = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "DELETE FROM identity_constraint WHERE left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[])", [ids, ids]
        )
        cursor.execute("DELETE FROM identity_suspect WHERE profile_id = ANY(%s::uuid[])", [sorted(profiles)])
        cursor.execute("DELETE FROM identity_record WHERE id = ANY(%s::uuid[])", [ids])
        rows: int = cursor.rowcount + len(evidence)
        cursor.execute("SELECT id FROM identity_record WHERE profile_id = ANY(%s::uuid[])", [sorted(profiles)])
        near |= {row[0] for row in cursor.fetchall()}
        digests, shared = _release(sorted(set(evidence)))
    known: dict[UUID, Rec] = {}
    linked = relink.relink(relink.holders_of(digests)[0], known)
    alike = _forget(ids, relink.having(shared - linked.gone, known), at=at)
    start = (near | linked.touched | alike) - set(ids)
    done = regroup.regroup(known, start, (), regrouped=start, at=at, actor="erasure")
    _drop_empty(profiles - done.gone, at=at)
    return rows


def _forget(ids: list[UUID], freed: dict[UUID, Rec], *, at: datetime) -> set[UUID]:
    """Forgets what was compared of erased records; whose clusters that may move. `freed`: records that hold a value which links
    again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_review WHERE left_id = ANY(%s::uuid[]) OR right_id = ANY(%s::uuid[])", [ids, ids]
        )
    model = active.current()
    if model is not None:
        from identity.linking import settle

        return settle.settle(model, freed, at=at, gone=ids).touched
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM identity_matchkey k USING (
                   SELECT record_id, unnest(keys) AS key FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])) m
               WHERE k.record_id = m.record_id AND k.key = m.key""",
            [ids],
        )
        cursor.execute("DELETE FROM identity_matchrow WHERE record_id = ANY(%s::uuid[])", [ids])
    return set()


def _release(digests: list[UUID]) -> tuple[set[UUID], set[UUID]]:
    """The values of erased records that can link others: also those that fewer people share now, which come again."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [digests])
        shared = [row[0] for row in cursor.fetchall()]
        # Decided anew by relinking: it retires them again if they are still shared too widely.
        cursor.execute(
            "DELETE FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[]) AND reason = 'shared'", [shared]
        )
        cursor.execute(
            """UPDATE identity_retiredvalue v SET holders = (SELECT count(*) FROM identity_evidence e WHERE e.digest = v.digest)
               WHERE v.digest = ANY(%s::uuid[])""",
            [digests],
        )
        cursor.execute("DELETE FROM identity_retiredvalue WHERE digest = ANY(%s::uuid[]) AND holders = 0", [digests])
    return set(digests) - relink.retired(digests), set(shared)


def _drop_empty(profiles: set[UUID], *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM identity_profile p WHERE id = ANY(%s::uuid[])
               AND NOT EXISTS (SELECT FROM identity_record r WHERE r.profile_id = p.id) RETURNING id""",
            [sorted(profiles)],
        )
        empty = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM identity_redirect WHERE new_id = ANY(%s::uuid[])", [empty])
        cursor.execute("DELETE FROM identity_merge WHERE profile_id = ANY(%s::uuid[])", [empty])
    if empty:
        parties.regroup(dict.fromkeys(empty, ()), at=at)
        outbox.changed(empty, reason="erased")
