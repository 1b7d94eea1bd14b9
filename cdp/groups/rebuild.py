"""Groups and members recomputed from what is stored: the result must equal what is live."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from cdp.catalogue import snapshot
from cdp.events.models import Event
from cdp.events.store import open_event
from cdp.groups import rows
from cdp.groups.derive import derive, resplit
from cdp.groups.observe import Statement, observe
from cdp.sources import lookup
from cdp.vault import keys
from identity import locks

_CHUNK = 200
Step = Callable[[datetime], int]
# Group calls have no name: with that said, the index by record and name finds them.
_CALLS = """
SELECT e.id, e.record_id, e.source_id, e.occurred_at, e.facts::text, e.sealed FROM events_event e
WHERE e.record_id = ANY(%s::uuid[]) AND e.name IS NULL AND e.type = %s
"""


def rebuild(check: bool = False, *, at: datetime | None = None) -> int:
    """Takes every stored group call up again, splits by the catalogue of today, drops members without a record, and derives every
    group from its members; how many rows differed. What members said outlives their events, so nothing is taken from them.

    In chunks, each a transaction of its own, so that the flow goes on in between. With `check` each is rolled back."""
    moment = at or datetime.now(UTC)
    differences = 0
    for step in _steps():
        with transaction.atomic():
            locks.take()
            differences += step(moment)
            if check:
                transaction.set_rollback(True)
    return differences


def _steps() -> Iterator[Step]:
    yield lambda at: _strays()
    for ids in _pages("SELECT id FROM identity_record WHERE id > %s ORDER BY id LIMIT %s"):
        yield lambda at, ids=ids: _replay(ids, at=at)  # type: ignore[misc]
    for ids in _pages("SELECT DISTINCT record_id FROM groups_member WHERE record_id > %s ORDER BY 1 LIMIT %s"):
        yield lambda at, ids=ids: resplit(rows.members_with(ids))  # type: ignore[misc]
    for ids in _pages("SELECT id FROM groups_group WHERE id > %s ORDER BY id LIMIT %s"):
        yield lambda at, ids=ids: derive(ids, at=at)  # type: ignore[misc]


def _pages(query: str) -> Iterator[list[UUID]]:
    last = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [last, _CHUNK])
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return
        yield ids
        last = ids[-1]


def _strays() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM groups_member m WHERE NOT EXISTS (SELECT FROM identity_record r WHERE r.id = m.record_id)"
        )
        return int(cursor.rowcount)


def _replay(record_ids: Sequence[UUID], *, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, [list(record_ids), Event.Type.GROUP])
        found = cursor.fetchall()
    held = keys.load({row[1] for row in found})
    sources = lookup.load({row[2] for row in found})
    return observe([_statement(row, held[row[1]], sources) for row in found if row[1] in held], at=at)


def _statement(row: Sequence[Any], key: keys.Key, sources: dict[UUID, lookup.SourceInfo]) -> Statement:
    id, record_id, source_id, occurred_at, facts, blob = row
    rest = open_event(id, bytes(blob), key)
    catalogue = snapshot.current()
    facts = {name: value for name, value in msgspec.json.decode(facts).items() if name != "$context"}
    split = catalogue.split("group", catalogue.merge(facts, rest.get("traits") or {}))
    source = sources.get(source_id)
    namespace = source.namespace if source else ""
    return Statement(
        record_id, source_id, namespace, str(rest["groupId"]), split.facts, split.sealed, occurred_at=occurred_at
    )
