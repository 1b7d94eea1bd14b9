"""Reads of people: opened values with class and provenance. Whoever shows them asks permission, masks and audits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from cdp.catalogue import snapshot
from cdp.catalogue.identifiers import KINDS, LABELS, normalise
from cdp.sources import lookup
from cdp.sources.models import Source
from cdp.vault import blind, keys, sealed
from identity import records
from identity.golden import survivors
from identity.history import resolve_id
from identity.models import Constraint, Evidence, Link, Merge, Profile, Record
from identity.prepare import shown
from identity.profilerows import contributions
from identity.records import Rec
from identity.traits import leaves, whole

__all__ = [
    "GoldenValue", "Identifier", "LinkView", "RecordView", "constraints_of", "export", "find", "golden", "history_of",
    "identifiers_of", "links_of", "listing", "records_of", "resolve_id",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class GoldenValue:
    """One attribute of a golden record. `data_class`: identifying, fact or undeclared."""

    name: str
    value: Any
    data_class: str
    record_id: UUID
    source_id: UUID
    source: str
    rule: str
    at: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a profile. `traits`: path -> (value, class, time observed)."""

    id: UUID
    source_id: UUID
    source: str
    key_kind: str
    key: str
    first_seen: datetime
    traits: dict[str, tuple[Any, str, str]]


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
class LinkView:
    """Why two records are one person."""

    left: UUID
    right: UUID
    rule: str
    kind: str
    digest: UUID | None
    weight: float
    at: datetime


def find(kind: str, value: str, region: str = "") -> list[UUID]:
    """The profiles that hold an identifier, oldest first. Raises KeyError for an unknown kind.

    User ids are looked up in the namespace of every source."""
    plain = normalise(kind, value, region=region)
    if plain is None:
        return []
    spelt = [plain]
    if kind == "user_id":
        spelt = [f"{name}\0{plain}" for name in Source.objects.values_list("namespace", flat=True).distinct()]
    elif kind == "row":
        spelt = [f"{source}\0{plain}" for source in Source.objects.values_list("id", flat=True)]
    held = Evidence.objects.filter(digest__in=blind.index_many(kind, spelt), kind=KINDS[kind])
    found = held.values_list("record__profile_id", flat=True).distinct()
    return sorted(id for id in found if id is not None)


def _open(profile_id: UUID) -> list[Rec]:
    return sorted(records.by_profile(profile_id), key=lambda rec: (rec.first_seen, rec.order))


def _sources(recs: Sequence[Rec]) -> dict[UUID, str]:
    known = lookup.load({rec.source_id for rec in recs})
    return {id: source.name for id, source in known.items()}


def golden(profile_id: UUID) -> list[GoldenValue]:
    """The golden record, opened, by name: facts, identifying and undeclared values. Empty for an unknown profile."""
    recs = {rec.id: rec for rec in _open(profile_id)}
    names, classes = _sources(list(recs.values())), snapshot.current().classes("trait")
    found = []
    for one in survivors(contributions(list(recs.values()))):
        source_id = recs[one.record].source_id
        facts = {path for path, _ in leaves(one.trait, one.fact[0])} if one.fact else set()
        for path, value in leaves(one.trait, one.value):
            # A fact of the wrong type was sealed as it came: it stays as closed as what nobody declared.
            kind = "fact" if path in facts else _sealed_class(classes, path)
            found.append(
                GoldenValue(path, value, kind, one.record, source_id, names.get(source_id, ""), one.rule, one.at)
            )
    return found


def _sealed_class(classes: dict[str, str], path: str) -> str:
    """Only a declared path is called by its class: a name that nobody declared can be personal data too, also below a
    declared object."""
    return "identifying" if classes.get(path) == "identifying" else "undeclared"


def records_of(profile_id: UUID) -> list[RecordView]:
    """The records of a profile, opened, oldest first."""
    recs = _open(profile_id)
    names, classes = _sources(recs), snapshot.current().classes("trait")
    own = {(one.record_id, one.digest): one for one in Evidence.objects.filter(record_id__in=[rec.id for rec in recs])}
    held = keys.load([rec.id for rec in recs])
    found = []
    for rec in recs:
        key = own.get((rec.id, rec.key_digest))
        traits = {}
        for trait in sorted({*rec.facts, *rec.sealed}):
            at = (rec.facts.get(trait) or rec.sealed[trait])[1]
            facts = {path for path, _ in leaves(trait, rec.facts[trait][0])} if trait in rec.facts else set()
            for path, value in leaves(trait, whole(rec.facts, rec.sealed, trait)):
                traits[path] = (value, "fact" if path in facts else _sealed_class(classes, path), at)
        spelt = _value(key, held) if key else ""
        found.append(
            RecordView(
                rec.id, rec.source_id, names.get(rec.source_id, ""), LABELS[rec.key_kind], spelt, rec.first_seen, traits
            )
        )
    return found


def _value(evidence: Evidence, held: dict[UUID, keys.Key]) -> str:
    place = records.evidence_aad(evidence.record_id, evidence.digest)
    spelt: str = sealed.unseal(held[evidence.record_id], bytes(evidence.sealed), aad=place)
    return shown(evidence.kind, spelt)


_IDENTIFIERS = """
SELECT e.kind, e.digest, e.record_id, e.sealed, e.first_seen, coalesce(v.reason, '') FROM identity_record r
JOIN identity_evidence e ON e.record_id = r.id
LEFT JOIN identity_retiredvalue v ON v.kind = e.kind AND v.digest = e.digest
WHERE r.profile_id = %s ORDER BY e.kind, e.first_seen, e.digest, e.id
"""


def identifiers_of(profile_id: UUID) -> list[Identifier]:
    """The identifiers of a profile, opened, strongest kind first. One query, one more to the vault for keys not remembered."""
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFIERS, [profile_id])
        rows = cursor.fetchall()
    held = keys.load({row[2] for row in rows})
    by_digest: dict[UUID, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_digest.setdefault(row[1], []).append(row)
    found = []
    for digest, group in by_digest.items():
        kind, _, record_id, blob, _, retired = group[0]
        spelt = sealed.unseal(held[record_id], blob, aad=records.evidence_aad(record_id, digest))
        first_seen = min(row[4] for row in group)
        held_by = tuple(sorted(row[2] for row in group))
        found.append(Identifier(LABELS[kind], shown(kind, spelt), digest, first_seen, held_by, retired))
    return found


def links_of(profile_id: UUID) -> list[LinkView]:
    """The links inside a profile, the strongest first."""
    ids = list(Record.objects.filter(profile_id=profile_id).values_list("id", flat=True))
    rows = Link.objects.filter(left_id__in=ids, right_id__in=ids).order_by("-weight", "left_id", "right_id", "kind")
    return [
        LinkView(row.left_id, row.right_id, row.rule, LABELS[row.kind], row.digest, row.weight, row.created_at)
        for row in rows
    ]


def constraints_of(profile_id: UUID) -> list[Constraint]:
    """What people decided about the records of a profile, the latest first."""
    ids = list(Record.objects.filter(profile_id=profile_id).values_list("id", flat=True))
    return list(Constraint.objects.filter(Q(left_id__in=ids) | Q(right_id__in=ids)).order_by("-at", "-id"))


def history_of(profile_id: UUID) -> list[Merge]:
    """Merges and splits of a profile, the latest first."""
    return list(
        Merge.objects.filter(Q(profile_id=profile_id) | Q(others__contains=[profile_id])).order_by("-at", "-id")
    )


def listing(*, after: UUID | None = None, limit: int = 50) -> list[Profile]:
    """Profiles in order of id (age), from after `after`: a page by keyset."""
    rows = Profile.objects.order_by("id")
    return list(rows.filter(id__gt=after)[:limit] if after else rows[:limit])


def export(record_ids: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    """What is kept of records, opened, as plain JSON types."""
    recs = records.by_id(record_ids)
    held, names = keys.load(recs), _sources(list(recs.values()))
    evidence: dict[UUID, list[Evidence]] = {}
    for row in Evidence.objects.filter(record_id__in=recs).order_by("id"):
        evidence.setdefault(row.record_id, []).append(row)
    for rec in sorted(recs.values(), key=lambda rec: rec.id):
        yield {
            "record": str(rec.id),
            "profile": str(rec.profile_id) if rec.profile_id else None,
            "source": names.get(rec.source_id, str(rec.source_id)),
            "first_seen": rec.first_seen.isoformat(),
            "identifiers": [
                {"kind": LABELS[row.kind], "value": _value(row, held), "first_seen": row.first_seen.isoformat()}
                for row in evidence.get(rec.id, ())
            ],
            "traits": {
                trait: {
                    "value": whole(rec.facts, rec.sealed, trait),
                    "observed_at": (rec.facts.get(trait) or rec.sealed[trait])[1],
                }
                for trait in sorted({*rec.facts, *rec.sealed})
            },
        }
