"""Groups and members in memory, and the SQL that loads and writes them in sets. Everything here is in the caller's transaction.

Locks, between those of people and those of counts (docs/architecture.md): group rows in the order of their digests, then
member rows in the order of (group, record). Whoever adds to a group holds it FOR KEY SHARE, so that many workers can feed
one group at once; whoever erases takes it FOR UPDATE, so that no statement slips in between reading and writing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from cdp.arrays import uuids
from cdp.catalogue import snapshot
from cdp.groups.golden import Sources, in_clear, standing
from cdp.sources import lookup
from cdp.vault import blind, keys, sealed
from cdp.vault.aad import aad
from identity.records import KeyMissing
from identity.traits import Stamped

_decode = msgspec.json.decode
_encode = msgspec.json.encode
_KIND = "group"
_COLUMNS = "id, digest, key_id, sealed_id, said::text, sealed, facts::text, provenance::text"
_UPDATE = """
UPDATE groups_group g SET key_id = n.key_id, sealed_id = n.sealed_id, said = n.said, sealed = n.sealed, facts = n.facts,
       provenance = n.provenance, version = g.version + 1, updated_at = %s
FROM unnest(%s::uuid[], %s::uuid[], %s::bytea[], %s::jsonb[], %s::bytea[], %s::jsonb[], %s::jsonb[])
     AS n(id, key_id, sealed_id, said, sealed, facts, provenance) WHERE g.id = n.id
"""
_INSERT_MEMBERS = """
INSERT INTO groups_member (group_id, record_id, source_id, facts, first_seen, last_seen)
SELECT n.group_id, n.record_id, n.source_id, '{}', n.first_seen, n.last_seen
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[])
     AS n(group_id, record_id, source_id, first_seen, last_seen)
ORDER BY n.group_id, n.record_id ON CONFLICT (group_id, record_id) DO NOTHING
"""
_MEMBERS = """
SELECT m.id, m.group_id, m.record_id, m.source_id, m.facts::text, m.sealed, m.first_seen, m.last_seen FROM groups_member m
"""
_UPDATE_MEMBERS = """
UPDATE groups_member m SET facts = n.facts, sealed = n.sealed, first_seen = n.first_seen, last_seen = n.last_seen
FROM unnest(%s::bigint[], %s::jsonb[], %s::bytea[], %s::timestamptz[], %s::timestamptz[])
     AS n(id, facts, sealed, first_seen, last_seen) WHERE m.id = n.id
"""


@dataclass(slots=True, eq=False)
class GroupRow:
    """A group, opened. `closed`: its key is not in the vault, so that nothing sealed of it can be read."""

    id: UUID
    digest: UUID
    key_id: UUID
    name: str
    known: Sources
    facts: dict[str, Any]
    provenance: dict[str, Any]
    closed: bool = False


@dataclass(slots=True, eq=False)
class MemberRow:
    """What one record said of a group, opened."""

    id: int
    group: UUID
    record: UUID
    source: UUID
    first_seen: datetime
    last_seen: datetime
    facts: Stamped = field(default_factory=dict)
    sealed: Stamped = field(default_factory=dict)


def digests(pairs: Sequence[tuple[str, str]]) -> list[UUID]:
    """The digests of (namespace, group id), in their order."""
    return blind.index_many(_KIND, [f"{namespace}\0{name.strip()}" for namespace, name in pairs])


def declared_names() -> frozenset[str]:
    """The declared paths of group traits, and their first steps: names that may stand in clear."""
    paths = snapshot.current().classes("group")
    return frozenset(paths) | {path.partition(".")[0].partition("[")[0] for path in paths}


def _name_aad(group: UUID) -> bytes:
    return aad("groups_group", group, "sealed_id")


def _said_aad(group: UUID) -> bytes:
    return aad("groups_group", group, "sealed")


def _member_aad(group: UUID, record: UUID) -> bytes:
    return aad("groups_member", f"{group}:{record}", "sealed")


def insert(made: Sequence[GroupRow], held: dict[UUID, keys.Key], *, at: datetime) -> None:
    """Adds empty groups where there is none yet, in the order of their digests."""
    made = sorted(made, key=lambda row: row.digest)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO groups_group (id, digest, key_id, sealed_id, said, facts, provenance, version, updated_at)
               SELECT n.id, n.digest, n.key_id, n.sealed_id, '{}', '{}', '{}', 1, %s
               FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bytea[]) AS n(id, digest, key_id, sealed_id)
               ORDER BY n.digest ON CONFLICT (digest) DO NOTHING""",
            [
                at,
                [row.id for row in made],
                [row.digest for row in made],
                [row.key_id for row in made],
                [sealed.seal(held[row.key_id], row.name, aad=_name_aad(row.id)) for row in made],
            ],
        )


def load(column: str, ids: Collection[UUID], *, lock: str = "") -> list[GroupRow]:
    """The groups with these values of a unique column, opened, in the order of their digests. `lock`: a locking clause."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM groups_group WHERE {column} = ANY(%s::uuid[]) ORDER BY digest {lock}", [uuids(ids)]
        )
        rows = cursor.fetchall()
    held = keys.load([row[2] for row in rows])
    return [_opened(row, held.get(row[2])) for row in rows]


def _opened(row: Sequence[Any], key: keys.Key | None) -> GroupRow:
    id, digest, key_id, sealed_id, said, rest, facts, provenance = row
    name = ""
    hidden: dict[str, Stamped] = {}
    if key is not None:
        name = str(sealed.unseal(key, sealed_id, aad=_name_aad(id)))
        hidden = sealed.unseal(key, rest, aad=_said_aad(id)) if rest is not None else {}
    known = Sources(_decode(said), hidden)
    return GroupRow(id, digest, key_id, name, known, _decode(facts), _decode(provenance), closed=key is None)


def derive(row: GroupRow) -> bool:
    """Sets golden facts and provenance from what the sources said; whether either differs from before."""
    priorities = {id: source.priority for id, source in lookup.load(row.known.ids()).items()}
    facts, provenance = in_clear(standing(row.known, priorities), declared=declared_names().__contains__)
    differs = (facts, provenance) != (row.facts, row.provenance)
    row.facts, row.provenance = facts, provenance
    return differs


def update(rows: Sequence[GroupRow], *, at: datetime) -> None:
    """Writes groups, sealed under their keys (which exist)."""
    if not rows:
        return
    held = keys.load([row.key_id for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(
            _UPDATE,
            [
                at,
                [row.id for row in rows],
                [row.key_id for row in rows],
                [sealed.seal(held[row.key_id], row.name, aad=_name_aad(row.id)) for row in rows],
                [_encode(row.known.facts).decode() for row in rows],
                [_sealed(held[row.key_id], row.known.sealed, _said_aad(row.id)) for row in rows],
                [_encode(row.facts).decode() for row in rows],
                [_encode(row.provenance).decode() for row in rows],
            ],
        )


def _sealed(key: keys.Key | None, value: Any, place: bytes) -> bytes | None:
    if not value:
        return None
    if key is None:
        raise KeyMissing
    return sealed.seal(key, value, aad=place)


def insert_members(rows: Iterable[tuple[UUID, UUID, UUID, datetime, datetime]]) -> int:
    """Adds members (group, record, source, first seen, last seen) where there is none yet; how many."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MEMBERS, columns)
        return int(cursor.rowcount)


def members_at(places: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], MemberRow]:
    """The members at these (group, record), opened and locked."""
    groups, records = zip(*places, strict=True)
    query = (
        f"{_MEMBERS} JOIN unnest(%s::uuid[], %s::uuid[]) AS asked(group_id, record_id) USING (group_id, record_id)"
        " ORDER BY m.group_id, m.record_id FOR NO KEY UPDATE OF m"
    )
    return {(row.group, row.record): row for row in _members(query, [uuids(groups), uuids(records)])}


def members_of(group: UUID, after: int = 0, limit: int = 1000) -> list[MemberRow]:
    """Members of a group, opened, by id: those after `after`."""
    return _members(f"{_MEMBERS} WHERE m.group_id = %s AND m.id > %s ORDER BY m.id LIMIT %s", [group, after, limit])


def members_with(records: Collection[UUID]) -> list[MemberRow]:
    """All that these records said of any group, opened."""
    return _members(f"{_MEMBERS} WHERE m.record_id = ANY(%s::uuid[]) ORDER BY m.id", [uuids(records)])


def _members(query: str, params: list[Any]) -> list[MemberRow]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        rows = cursor.fetchall()
    held = keys.load({row[2] for row in rows if row[5] is not None})
    found = []
    for id, group, record, source, facts, rest, first_seen, last_seen in rows:
        key = held.get(record) if rest is not None else None
        hidden = sealed.unseal(key, rest, aad=_member_aad(group, record)) if key is not None else {}
        found.append(MemberRow(id, group, record, source, first_seen, last_seen, _decode(facts), hidden))
    return found


def update_members(rows: Sequence[MemberRow]) -> None:
    """Writes members, sealed under their records' keys."""
    if not rows:
        return
    held = keys.load({row.record for row in rows if row.sealed})
    with connection.cursor() as cursor:
        cursor.execute(
            _UPDATE_MEMBERS,
            [
                [row.id for row in rows],
                [_encode(row.facts).decode() for row in rows],
                [_sealed(held.get(row.record), row.sealed, _member_aad(row.group, row.record)) for row in rows],
                [row.first_seen for row in rows],
                [row.last_seen for row in rows],
            ],
        )
