"""What is known of profiles: of many at once, read in one round trip and opened when asked for.

Whoever shows it asks permission, masks and audits. Which values a golden record has is worked out anew from the records, so
that a reader who may see only some sources is told apart from one who sees all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from cdp.arrays import uuids
from cdp.catalogue import snapshot
from cdp.catalogue.identifiers import LABELS
from cdp.database.together import Rows, Statement, together
from cdp.sources import lookup
from cdp.vault import keys, sealed
from identity import records, survivorship
from identity.golden import survivors
from identity.prepare import shown
from identity.profilerows import STEWARD, contributions, split_typed
from identity.records import KeyMissing, Rec
from identity.traits import Stamped, leaves, whole


@dataclass(frozen=True, slots=True)
class GoldenValue:
    """One attribute of a golden record. `data_class`: identifying, fact or undeclared. `source`: "steward" for what was typed
    by hand, which is no source's. `records`: all that have a part in it, `record_id` the last of them."""

    name: str
    value: Any
    data_class: str
    record_id: UUID
    source_id: UUID
    source: str
    rule: str
    at: str
    records: tuple[UUID, ...]

    @property
    def typed(self) -> bool:
        """Did a steward type it?"""
        return self.source_id == STEWARD


Said = dict[str, tuple[Any, str, str]]  # path -> (value, class, time observed)


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a profile. `traits`: what it says; `manual`: what a steward typed, which is kept with it."""

    id: UUID
    source_id: UUID
    source: str
    key_kind: str
    key: str
    first_seen: datetime
    traits: Said
    manual: Said


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier value and the records that hold it. `retired`: "", "junk" or "shared" (it links nobody)."""

    kind: str
    value: str
    digest: UUID
    first_seen: datetime
    records: tuple[UUID, ...]
    retired: str


@dataclass(frozen=True, slots=True)
class _Held:
    """A row of evidence."""

    record_id: UUID
    kind: int
    digest: UUID
    sealed: bytes
    first_seen: datetime
    retired: str

    def opened(self, held: Mapping[UUID, keys.Key]) -> str:
        """The value. Raises KeyMissing, Unsealable."""
        key = held.get(self.record_id)
        if key is None:
            raise KeyMissing(f"record {self.record_id}")
        spelt = sealed.unseal(key, self.sealed, aad=records.evidence_aad(self.record_id, self.digest))
        return shown(self.kind, spelt)


@dataclass
class Known:
    """A profile and its records, still sealed. `founded`: size, version and times of the row."""

    id: UUID
    size: int
    version: int
    created_at: datetime
    updated_at: datetime
    held: Mapping[UUID, keys.Key]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    evidence: list[_Held] = field(default_factory=list)

    @property
    def sources(self) -> dict[UUID, UUID]:
        """Record -> its source."""
        return {row[0]: row[1] for row in self.rows}

    @cached_property
    def recs(self) -> list[Rec]:
        """The records, opened, oldest first. Raises KeyMissing, Unsealable."""
        opened = [records.opened(row, self.held) for row in self.rows]
        return sorted(opened, key=lambda rec: (rec.first_seen, rec.order))

    @cached_property
    def _named(self) -> dict[UUID, str]:
        return {id: source.name for id, source in lookup.load(set(self.sources.values())).items()}

    @cached_property
    def golden(self) -> list[GoldenValue]:
        """The golden record, opened, by name: facts, identifying and undeclared values."""
        classes, found = snapshot.current().classes("trait"), []
        for one in survivors(contributions(self.recs), survivorship.current()):
            named = "steward" if one.source == STEWARD else self._named.get(one.source, "")
            facts = {path for path, _ in leaves(one.trait, one.fact[0])} if one.fact else set()
            for path, value in leaves(one.trait, one.value):
                # A fact of the wrong type was sealed as it came: it stays as closed as what nobody declared.
                kind = "fact" if path in facts else _sealed_class(classes, path)
                found.append(
                    GoldenValue(
                        path, value, kind, one.record, one.source, named, one.rule, one.at, one.records or (one.record,)
                    )
                )
        return found

    @cached_property
    def records(self) -> list[RecordView]:
        """The records side by side, opened, oldest first."""
        classes = snapshot.current().classes("trait")
        own = {(one.record_id, one.digest): one for one in self.evidence}
        found = []
        for rec in self.recs:
            key = own.get((rec.id, rec.key_digest))
            spelt = key.opened(self.held) if key else ""
            named = self._named.get(rec.source_id, "")
            traits, manual = _said(rec.facts, rec.sealed, classes), _said(*split_typed(rec.manual), classes)
            label = LABELS[rec.key_kind]
            found.append(RecordView(rec.id, rec.source_id, named, label, spelt, rec.first_seen, traits, manual))
        return found

    @cached_property
    def identifiers(self) -> list[Identifier]:
        """The identifiers, opened, strongest kind first."""
        by_digest: dict[UUID, list[_Held]] = {}
        for row in self.evidence:
            by_digest.setdefault(row.digest, []).append(row)
        return [
            Identifier(
                LABELS[group[0].kind],
                group[0].opened(self.held),
                digest,
                min(row.first_seen for row in group),
                tuple(sorted(row.record_id for row in group)),
                group[0].retired,
            )
            for digest, group in by_digest.items()
        ]


def _said(clear: Stamped, rest: Stamped, classes: Mapping[str, str]) -> Said:
    found = {}
    for trait in sorted({*clear, *rest}):
        at = (clear.get(trait) or rest[trait])[1]
        facts = {path for path, _ in leaves(trait, clear[trait][0])} if trait in clear else set()
        for path, value in leaves(trait, whole(clear, rest, trait)):
            found[path] = (value, "fact" if path in facts else _sealed_class(classes, path), at)
    return found


def _sealed_class(classes: Mapping[str, str], path: str) -> str:
    """Only a declared path is called by its class: a name that nobody declared can be personal data too, also below a
    declared object."""
    return "identifying" if classes.get(path) == "identifying" else "undeclared"


_PROFILES = "SELECT id, records, version, created_at, updated_at FROM identity_profile WHERE id = ANY(%s::uuid[])"
_RECORDS = f"SELECT {records.COLUMNS} FROM identity_record r WHERE r.profile_id = ANY(%s::uuid[])"
_EVIDENCE = """
SELECT r.profile_id, e.record_id, e.kind, e.digest, e.sealed, e.first_seen, coalesce(v.reason, '') FROM identity_record r
JOIN identity_evidence e ON e.record_id = r.id
LEFT JOIN identity_retiredvalue v ON v.kind = e.kind AND v.digest = e.digest
WHERE r.profile_id = ANY(%s::uuid[]) ORDER BY e.kind, e.first_seen, e.digest, e.id
"""


def statements(profile_ids: Collection[UUID]) -> tuple[Statement, Statement, Statement]:
    """What `known` reads."""
    ids = uuids(profile_ids)
    return (_PROFILES, [ids]), (_RECORDS, [ids]), (_EVIDENCE, [ids])


def known(read: Sequence[Rows]) -> dict[UUID, Known]:
    """The profiles in the rows of `statements`; unknown ids are absent. One query to the vault for the keys of all their
    records that are not remembered."""
    profiles, rows, evidence = read
    held = keys.load([row[0] for row in rows])
    found = {}
    for id, size, version, created_at, updated_at in profiles:
        found[id] = Known(id, size, version, created_at, updated_at, held)
    for row in rows:
        if row[4] in found:
            found[row[4]].rows.append(row)
    for profile_id, *values in evidence:
        if profile_id in found:
            found[profile_id].evidence.append(_Held(*values))
    return found


def one(profile_id: UUID) -> Known | None:
    """What is known of one profile."""
    return known(together(*statements([profile_id]))).get(profile_id)
