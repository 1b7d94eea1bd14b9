"""Brings memberships up to date with what changed: drains the queue of changes, whoever filled it."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from cdp import outbox
from segments.refresh import Changes, lock, refresh


@transaction.atomic
def bring_up_to_date(limit: int, *, now: datetime) -> int:
    """Evaluates the people of up to `limit` waiting changes; how many changes that were. Safe for many workers at once.

    All profile rows are locked in one statement in id order and nothing else is held then, so that workers cannot wait
    for each other in a circle. Which profile has a record is asked here, after the change was committed: had the record
    moved meanwhile, the mover's own change is in the queue too."""
    drained = outbox.drain(limit)
    if not drained.taken:
        return 0
    whole = set(drained.profiles)
    owners = _owners(list(drained.events))
    touched = {profile for profile in owners.values() if profile not in whole}
    names = {name for record, events in drained.events.items() if owners.get(record) in touched for name in events}
    lock(sorted(whole | touched))
    if whole:
        refresh(whole, at=now)
    if touched and names:
        refresh(touched, at=now, changed=Changes(profiles=touched, events=names))
    return drained.taken


def _owners(record_ids: list[UUID]) -> dict[UUID, UUID]:
    if not record_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, profile_id FROM identity_record WHERE id = ANY(%s) AND profile_id IS NOT NULL", [record_ids]
        )
        return dict(cursor.fetchall())
