"""Counting undeclared keys: names sealed, values not kept."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.catalogue import snapshot
from cdp.catalogue.paths import LONGEST
from cdp.catalogue.shapes import COUNTS, Shape
from cdp.catalogue.split import Split
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad

# Undeclared keys kept per scope. Somebody who sends random keys fills this and no more; the rest is counted in Overflow.
MOST = 1_000
# Values of a key in one batch that are looked at; all are counted.
LOOKED_AT = 100
_KEY = "catalogue"
_OLD, _NEW = "f.shape", "i.shape"
_MERGED = (
    "jsonb_strip_nulls(jsonb_build_object("
    + ", ".join(
        f"'{it}', nullif(coalesce(({_OLD}->>'{it}')::bigint, 0) + coalesce(({_NEW}->>'{it}')::bigint, 0), 0)"
        for it in COUNTS
    )
    + f", 'sketch', coalesce(({_OLD}->>'sketch')::bigint, 0) | coalesce(({_NEW}->>'sketch')::bigint, 0)))"
)
# Rows that another worker is counting right now are skipped: the counts are a hint for people, and a hint must not make
# workers wait for each other.
_UPSERT = f"""
with i as (
    select * from unnest(%(ids)s::uuid[], %(scopes)s::text[], %(digests)s::uuid[], %(names)s::bytea[], %(counts)s::bigint[],
                         %(shapes)s::jsonb[]) as t(id, scope, digest, sealed_name, n, shape)
), held as (
    select f.id, f.scope, f.digest from catalogue_field f join i on f.scope = i.scope and f.digest = i.digest
    order by f.scope, f.digest for update of f skip locked
), counted as (
    update catalogue_field f
    set seen = f.seen + i.n, shape = {_MERGED}, last_seen = greatest(f.last_seen, %(at)s),
        first_seen = coalesce(f.first_seen, %(at)s)
    from i join held on held.scope = i.scope and held.digest = i.digest where f.id = held.id
), fresh as (
    select i.*, row_number() over (partition by i.scope order by i.digest)
        + (select count(*) from catalogue_field f where f.scope = i.scope and f.data_class = 'undeclared') as place
    from i where not exists (select from catalogue_field f where f.scope = i.scope and f.digest = i.digest)
), made as (
    insert into catalogue_field (id, scope, digest, name, sealed_name, type, data_class, identifier, purposes, seen, shape,
                                 first_seen, last_seen)
    select id, scope, digest, '', sealed_name, 'text', 'undeclared', '', '{{}}', n, shape, %(at)s, %(at)s
    from fresh where place <= %(most)s order by scope, digest
    on conflict (scope, digest) do nothing
)
insert into catalogue_overflow as o (scope, keys, last_seen)
select scope, count(*), %(at)s from fresh where place > %(most)s group by scope
on conflict (scope) do update set keys = o.keys + excluded.keys, last_seen = excluded.last_seen
"""


def seal_name(field_id: UUID, name: str) -> bytes:
    """The name of an undeclared key, sealed for its row."""
    return keys.system(_KEY).seal(
        name.encode("utf-8", "surrogatepass"), aad=aad("catalogue_field", field_id, "sealed_name")
    )


def open_name(field_id: UUID, sealed: bytes) -> str:
    """The inverse of `seal_name`. The caller has asked whether the reader may see it: a name can be personal data too."""
    opened = keys.system(_KEY).open(bytes(sealed), aad=aad("catalogue_field", field_id, "sealed_name"))
    return opened.decode("utf-8", "surrogatepass")


def observe(splits: Sequence[Split], at: datetime, *, events: Iterable[str] = ()) -> None:
    """Counts the undeclared keys of a batch, and those of the event names that are not declared. One statement, in the
    caller's transaction; none when nothing undeclared was seen. Locks no row that another worker holds."""
    catalogue = snapshot.current()
    found: dict[tuple[str, str], list[Any]] = {}
    for split in splits:
        for path, value in split.seen:
            found.setdefault((split.scope, path), []).append(value)
    for name in events:
        if len(name) <= LONGEST and catalogue.declared("event", name) is None:
            found.setdefault(("event", name), []).append(None)
    if not found:
        return
    key = keys.system(_KEY).derive("sketch")
    rows = sorted((scope, catalogue.digest(scope, path), path, values) for (scope, path), values in found.items())
    ids = [uuid7() for _ in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            {
                "ids": ids,
                "scopes": [scope for scope, _, _, _ in rows],
                "digests": [digest for _, digest, _, _ in rows],
                "names": [seal_name(row_id, path) for row_id, (_, _, path, _) in zip(ids, rows, strict=True)],
                "counts": [len(values) for _, _, _, values in rows],
                "shapes": [json.dumps(_shape(values, key).stored()) for _, _, _, values in rows],
                "at": at,
                "most": MOST,
            },
        )


def _shape(values: Sequence[Any], key: bytes) -> Shape:
    """What the first of these values look like: enough, for the next batch brings others."""
    shape = Shape()
    for value in values[:LOOKED_AT]:
        shape.add(value, key)
    return shape
