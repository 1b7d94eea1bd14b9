"""Groups as a function of what their members' records say of them: after an erasure, and in a rebuild."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from cdp.catalogue import snapshot
from cdp.groups import rows
from cdp.groups.golden import Sources
from cdp.groups.rows import GroupRow, MemberRow
from cdp.ids import uuid7
from cdp.vault import keys
from identity.traits import Stamped, whole

_CHUNK = 1000


def derive(groups: Collection[UUID], *, at: datetime, fresh_keys: bool = False) -> int:
    """Makes groups equal to what their members say, in the caller's transaction; how many differed. One without members goes.

    Nobody is left on whose behalf it could be kept, and its id and traits may be those of the last one (a sole trader).
    `fresh_keys`: the groups are sealed anew under new keys and the old ones destroyed once that is committed, so that what
    they held before stays closed in copies of the database too."""
    changed: list[GroupRow] = []
    empty: list[GroupRow] = []
    spent: list[UUID] = []
    for row in rows.load("id", groups, lock="FOR UPDATE"):
        known, any_members = _said(row.id)
        if not any_members:
            empty.append(row)
            spent.append(row.key_id)
            continue
        if row.closed:
            continue  # its key is lost, and with it its name: there is nothing to seal anew
        moved = (known.facts, known.sealed) != (row.known.facts, row.known.sealed)
        row.known = known
        moved = rows.derive(row) or moved
        if fresh_keys:
            spent.append(row.key_id)
            row.key_id = uuid7()
        if moved or fresh_keys:
            changed.append(row)
    keys.create([row.key_id for row in changed])
    rows.update(changed, at=at)
    if empty:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM groups_group WHERE id = ANY(%s::uuid[])", [[row.id for row in empty]])
    if spent:
        transaction.on_commit(partial(keys.destroy, spent))
    return len(changed) + len(empty)


def _said(group: UUID) -> tuple[Sources, bool]:
    """What the sources say of a group, by its members; and whether it has any."""
    known, found = Sources(), False
    for member in _members(group):
        found = True
        known.take_all(member.source, member.facts, member.sealed)
    return known, found


def _members(group: UUID) -> Iterator[MemberRow]:
    after = 0
    while page := rows.members_of(group, after, _CHUNK):
        yield from page
        after = page[-1].id


def resplit(members: Collection[MemberRow]) -> int:
    """Splits what members said by the catalogue of today; how many differed."""
    catalogue = snapshot.current()
    altered = []
    for row in members:
        facts, rest = _split(catalogue, row)
        if (facts, rest) != (row.facts, row.sealed):
            row.facts, row.sealed = facts, rest
            altered.append(row)
    rows.update_members(altered)
    return len(altered)


def _split(catalogue: snapshot.Catalogue, row: MemberRow) -> tuple[Stamped, Stamped]:
    facts: Stamped = {}
    rest: Stamped = {}
    for trait in {**row.facts, **row.sealed}:
        at = (row.facts.get(trait) or row.sealed[trait])[1]
        split = catalogue.split("group", {trait: whole(row.facts, row.sealed, trait)})
        for part, values in ((facts, split.facts), (rest, split.sealed)):
            if trait in values:
                part[trait] = [values[trait], at]
    return facts, rest


_TOUCHED = """
SELECT id FROM groups_group WHERE key_id = ANY(%s::uuid[])
   OR id IN (SELECT group_id FROM groups_member WHERE record_id = ANY(%s::uuid[]))
ORDER BY digest FOR UPDATE
"""


def erase(record_ids: Collection[UUID], *, at: datetime) -> int:
    """Deletes what records said of groups and that they belong to them, in the caller's transaction, which holds the lock of
    people; how many rows. The groups are derived from the members that are left, under new keys.

    An id may also be that of a group's key: after a restore everything is erased again whose key had been destroyed."""
    ids = list(record_ids)
    with connection.cursor() as cursor:
        # Locked first: whoever feeds one of these groups now is waited for, so that what they add is seen below.
        cursor.execute(_TOUCHED, [ids, ids])
        touched = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM groups_member WHERE record_id = ANY(%s::uuid[])", [ids])
        erased = int(cursor.rowcount)
    derive(touched, at=at, fresh_keys=True)
    return erased
