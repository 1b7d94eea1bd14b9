"""Records in memory, and the SQL that loads and writes them in sets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from cdp.arrays import uuids
from cdp.database.together import Rows, Statement, execute, together
from cdp.vault import keys, sealed
from cdp.vault.aad import aad
from cdp.vault.cipher import Key
from identity import names
from identity.names import Person
from identity.prepare import Value
from identity.rules import Holder
from identity.traits import Stamped, whole

_decode = msgspec.json.decode
_encode = msgspec.json.encode


class KeyMissing(LookupError):
    """A record's key is not in the vault: it was erased, or the vault is older than the database."""


@dataclass(slots=True, eq=False)
class Rec:
    """A record with its traits opened. `evidence`: digest -> (kind, first seen), filled where it was asked for."""

    id: UUID
    source_id: UUID
    key_kind: int
    key_digest: UUID
    profile_id: UUID | None
    first_seen: datetime
    facts: Stamped
    sealed: Stamped
    evidence: dict[UUID, tuple[int, datetime]] = field(default_factory=dict)
    manual: Stamped = field(default_factory=dict)  # what a steward typed
    new: bool = False
    _person: Person | None = None

    @property
    def order(self) -> tuple[UUID, UUID]:
        """The same however records arrived, which ids are not."""
        return self.source_id, self.key_digest

    @property
    def person(self) -> Person:
        """What it says of a person; read once (`renamed` reads it anew)."""
        if self._person is None:
            self._person = self._read_person()
        return self._person

    def renamed(self) -> bool:
        """Reads the person anew; whether it differs."""
        before, self._person = self.person, self._read_person()
        return before != self._person

    def _read_person(self) -> Person:
        said = names.ATTRIBUTES.intersection(self.sealed) | names.ATTRIBUTES.intersection(self.facts)
        return names.person({n: whole(self.facts, self.sealed, n) for n in said}) if said else names.NOBODY

    def holder(self, since: datetime | None = None) -> Holder:
        """This record as the rules see it."""
        return Holder(self.id, self.source_id, self.key_kind, self.order, self.person, since)


COLUMNS = "r.id, r.source_id, r.key_kind, r.key_digest, r.profile_id, r.first_seen, r.facts::text, r.sealed, r.manual"
_BY_ID = f"SELECT {COLUMNS} FROM identity_record r WHERE r.id = ANY(%s::uuid[])"
_BY_PROFILE = f"SELECT {COLUMNS} FROM identity_record r WHERE r.profile_id = ANY(%s::uuid[])"
_BY_PLACE = f"""
SELECT {COLUMNS} FROM unnest(%s::uuid[], %s::uuid[]) AS asked(source_id, key_digest)
JOIN identity_record r USING (source_id, key_digest)
"""
_GLIMPSES = """
SELECT asked.number, r.id, r.profile_id, r.first_seen, e.first_seen
FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::uuid[]) WITH ORDINALITY
    AS asked(source_id, key_digest, kind, digest, number)
JOIN identity_record r USING (source_id, key_digest)
LEFT JOIN identity_evidence e ON e.record_id = r.id AND e.kind = asked.kind AND e.digest = asked.digest
"""
_EVIDENCE = """
SELECT e.record_id, e.digest, e.kind, e.first_seen, r.digest IS NOT NULL FROM identity_evidence e
LEFT JOIN identity_retiredvalue r ON r.digest = e.digest WHERE e.record_id = ANY(%s::uuid[])
"""
_INSERT = """
INSERT INTO identity_record (id, source_id, key_kind, key_digest, profile_id, first_seen, facts, sealed, attributes)
SELECT n.id, n.source_id, n.key_kind, n.key_digest, n.profile_id, n.first_seen, n.facts, n.sealed,
       ARRAY(SELECT jsonb_array_elements_text(n.attributes))
FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::uuid[], %s::uuid[],
            %s::timestamptz[], %s::jsonb[], %s::bytea[], %s::jsonb[])
     AS n(id, source_id, key_kind, key_digest, profile_id, first_seen, facts, sealed, attributes)
"""
_UPDATE = """
UPDATE identity_record r SET facts = n.facts, sealed = n.sealed, first_seen = n.first_seen,
       attributes = ARRAY(SELECT jsonb_array_elements_text(n.attributes))
FROM unnest(%s::uuid[], %s::timestamptz[], %s::jsonb[], %s::bytea[], %s::jsonb[])
     AS n(id, first_seen, facts, sealed, attributes) WHERE r.id = n.id
"""
_TYPED = """
UPDATE identity_record r SET manual = n.manual FROM unnest(%s::uuid[], %s::bytea[]) AS n(id, manual) WHERE r.id = n.id
"""
_INSERT_EVIDENCE = """
INSERT INTO identity_evidence (record_id, kind, digest, sealed, first_seen)
SELECT * FROM unnest(%s::uuid[], %s::smallint[], %s::uuid[], %s::bytea[], %s::timestamptz[])
"""
_LOWER = """
UPDATE identity_evidence e SET first_seen = n.at
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS n(record_id, digest, at)
WHERE e.record_id = n.record_id AND e.digest = n.digest AND e.first_seen > n.at
"""


def by_id(ids: Collection[UUID]) -> dict[UUID, Rec]:
    """The records with these ids, opened. One query, one more to the vault for keys not remembered."""
    return {rec.id: rec for rec in opened_all(together(with_ids(ids))[0])} if ids else {}


def with_ids(ids: Iterable[UUID]) -> Statement:
    """What `opened_all` reads, of records with these ids."""
    return _BY_ID, [uuids(ids)]


def by_profile(ids: Collection[UUID]) -> dict[UUID, Rec]:
    """The records of these profiles, opened."""
    return {rec.id: rec for rec in opened_all(together((_BY_PROFILE, [uuids(ids)]))[0])} if ids else {}


def at_places(places: Collection[tuple[UUID, UUID]]) -> Statement:
    """What `opened_all` reads, of records at these (source, key digest)."""
    sources, digests = zip(*places, strict=True)
    return _BY_PLACE, [uuids(sources), uuids(digests)]


class Glimpse(NamedTuple):
    """A record, closed. `seen`: those of its identifiers that were asked for -> when first seen."""

    id: UUID
    profile_id: UUID | None
    first_seen: datetime
    seen: dict[UUID, datetime]


def glimpses(asked: Mapping[tuple[UUID, UUID], Mapping[UUID, tuple[Value, Any]]]) -> dict[tuple[UUID, UUID], Glimpse]:
    """What is stored at these (source, key digest), each with some identifiers by digest. One query, nothing is opened."""
    if not asked:
        return {}
    rows = [(*place, value.kind, digest) for place, values in asked.items() for digest, (value, _) in values.items()]
    sources, places, kinds, digests = (list(column) for column in zip(*rows, strict=True))
    found: dict[tuple[UUID, UUID], Glimpse] = {}
    for number, id, profile_id, first_seen, since in together((_GLIMPSES, [sources, places, kinds, digests]))[0]:
        source, place, _, digest = rows[number - 1]
        known = found.get((source, place))
        if known is None:
            known = found[source, place] = Glimpse(id, profile_id, first_seen, {})
        if since is not None:
            known.seen[digest] = since
    return found


def opened_all(rows: Rows) -> list[Rec]:
    """Records from rows of `COLUMNS`. One query to the vault for keys not remembered. Raises KeyMissing, Unsealable."""
    held = keys.load([row[0] for row in rows if row[7] is not None or row[8] is not None])
    return [opened(row, held) for row in rows]


def opened(row: tuple[Any, ...], held: Mapping[UUID, Key]) -> Rec:
    """A record from a row of `COLUMNS`. Raises KeyMissing, Unsealable."""
    id, source_id, kind, digest, profile_id, first_seen, facts, blob, typed = row
    traits = unseal_traits(id, blob, held) if blob is not None else {}
    manual = unseal_traits(id, typed, held, "manual") if typed is not None else {}
    return Rec(id, source_id, kind, digest, profile_id, first_seen, _decode(facts), traits, manual=manual)


def unseal_traits(record_id: UUID, blob: bytes, held: Mapping[UUID, Key], column: str = "sealed") -> Stamped:
    """Opens a record's traits, of one column. Raises KeyMissing, Unsealable."""
    key = held.get(record_id)
    if key is None:
        raise KeyMissing(f"record {record_id}")
    opened: Stamped = sealed.unseal(key, blob, aad=aad("identity_record", record_id, column))
    return opened


def load_evidence(recs: Iterable[Rec]) -> set[UUID]:
    """Fills `evidence` of these records; what of it links nobody. One query."""
    dead: set[UUID] = set()
    by_record = {rec.id: rec for rec in recs}
    if not by_record:
        return dead
    for rec in by_record.values():
        rec.evidence = {}
    (rows,) = together((_EVIDENCE, [uuids(by_record)]))
    for record_id, digest, kind, first_seen, retired in rows:
        by_record[record_id].evidence[digest] = (kind, first_seen)
        if retired:
            dead.add(digest)
    return dead


def _written(recs: Iterable[Rec], held: Mapping[UUID, Key], declared: frozenset[str]) -> list[list[Any]]:
    """What is written of records, by column: first_seen, facts, sealed, names of sealed traits that may stand in clear."""
    rows = []
    for rec in recs:
        blob = (
            sealed.seal(held[rec.id], rec.sealed, aad=aad("identity_record", rec.id, "sealed")) if rec.sealed else None
        )
        attributes = sorted(declared.intersection(rec.sealed))
        rows.append((rec.first_seen, _encode(rec.facts).decode(), blob, _encode(attributes).decode()))
    return [list(column) for column in zip(*rows, strict=True)]


def insert(recs: Sequence[Rec], held: Mapping[UUID, Key], declared: frozenset[str]) -> None:
    """Writes new records. `declared`: names of traits that may stand in clear."""
    if recs:
        heads = ((rec.id, rec.source_id, rec.key_kind, rec.key_digest, rec.profile_id) for rec in recs)
        columns = [list(column) for column in zip(*heads, strict=True)]
        execute(_INSERT, [*columns, *_written(recs, held, declared)])


def update(recs: Sequence[Rec], held: Mapping[UUID, Key], declared: frozenset[str]) -> None:
    """Writes traits and first_seen of known records."""
    if recs:
        execute(_UPDATE, [[rec.id for rec in recs], *_written(recs, held, declared)])


def update_manual(recs: Collection[Rec], held: Mapping[UUID, Key]) -> None:
    """Writes what a steward typed."""
    blobs = [
        sealed.seal(held[rec.id], rec.manual, aad=aad("identity_record", rec.id, "manual")) if rec.manual else None
        for rec in recs
    ]
    execute(_TYPED, [[rec.id for rec in recs], blobs])


def evidence_aad(record_id: UUID, digest: UUID) -> bytes:
    """Where a sealed identifier belongs: its record and its digest."""
    return aad("identity_evidence", f"{record_id}:{digest}", "sealed")


def insert_evidence(rows: Collection[tuple[UUID, int, UUID, str, datetime]], held: Mapping[UUID, Key]) -> None:
    """Writes new evidence (record, kind, digest, what the digest was made of, first seen), sealed."""
    if rows:
        records, kinds, digests, _, times = map(list, zip(*rows, strict=True))
        blobs = [
            sealed.seal(held[record_id], spelt, aad=evidence_aad(record_id, digest))
            for record_id, _, digest, spelt, _ in rows
        ]
        execute(_INSERT_EVIDENCE, [records, kinds, digests, blobs, times])


def lower_evidence(rows: Collection[tuple[UUID, UUID, datetime]]) -> None:
    """Sets first_seen of known evidence (record, digest, first seen) to an earlier time."""
    if rows:
        execute(_LOWER, [list(column) for column in zip(*rows, strict=True)])
