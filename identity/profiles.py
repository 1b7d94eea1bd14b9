"""Reads of people: who holds an identifier, links, history, export. What is known of a profile: `identity.known`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from cdp.arrays import uuids
from cdp.catalogue.identifiers import KINDS, LABELS, normalise
from cdp.database.together import together
from cdp.sources import lookup
from cdp.sources.models import Source
from cdp.vault import blind, keys, sealed
from identity import records
from identity.history import resolve_id
from identity.models import Constraint, Evidence, Link, Merge, Profile, Record
from identity.prepare import shown
from identity.records import Rec
from identity.traits import whole

__all__ = [
    "LinkView",
    "constraints_of",
    "export",
    "find",
    "find_many",
    "history_of",
    "links_of",
    "listing",
    "records_in",
    "resolve_id",
]


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
    probability: float | None = None


def find(kind: str, value: str, region: str = "") -> list[UUID]:
    """The profiles that hold an identifier, oldest first. Raises KeyError for an unknown kind.

    User ids are looked up in the namespace of every source. A phone number without country code is read by `region`, or without
    one as the installation and every source read it."""
    return find_many([(kind, value)], region)[0]


_HELD = """
SELECT DISTINCT e.kind, e.digest, r.profile_id FROM unnest(%s::int[], %s::uuid[]) AS asked(kind, digest)
JOIN identity_evidence e ON e.digest = asked.digest AND e.kind = asked.kind
JOIN identity_record r ON r.id = e.record_id WHERE r.profile_id IS NOT NULL
"""


def find_many(asked: Sequence[tuple[str, str]], region: str = "") -> list[list[UUID]]:
    """`find` for many (kind, value) in their order: one query, one more where user ids or row keys are among them."""
    spelt = _spelt(asked, region)
    digests: dict[tuple[str, str], UUID] = {}
    for kind in dict.fromkeys(kind for kind, _ in asked):
        values = list(
            dict.fromkeys(it for (own, _), all in zip(asked, spelt, strict=True) if own == kind for it in all)
        )
        digests.update(zip([(kind, it) for it in values], blind.index_many(kind, values), strict=True))
    holders: dict[tuple[int, UUID], list[UUID]] = {}
    if digests:
        kinds, wanted = [KINDS[kind] for kind, _ in digests], uuids(digests.values())
        for code, digest, profile_id in together((_HELD, [kinds, wanted]))[0]:
            holders.setdefault((code, digest), []).append(profile_id)
    return [
        sorted({id for it in all for id in holders.get((KINDS[kind], digests[kind, it]), ())})
        for (kind, _), all in zip(asked, spelt, strict=True)
    ]


def _spelt(asked: Sequence[tuple[str, str]], region: str) -> list[list[str]]:
    """What the digests of each value are made of; nothing for what is no value of its kind."""
    kinds = {kind for kind, _ in asked}
    known = kinds & {"user_id", "row"} or ("phone" in kinds and not region)
    sources = list(Source.objects.values_list("id", "namespace", "region")) if known else []
    heads = {"user_id": sorted({name for _, name, _ in sources}), "row": [str(id) for id, _, _ in sources]}
    regions = [region] if region else sorted({settings.REGION, *(own for _, _, own in sources if own)})
    found = []
    for kind, value in asked:
        read = {normalise(kind, value, region=it) for it in (regions if kind == "phone" else regions[:1])}
        plain = sorted(it for it in read if it is not None)
        found.append([f"{head}\0{it}" for head in heads[kind] for it in plain] if kind in heads else plain)
    return found


def _sources(recs: Sequence[Rec]) -> dict[UUID, str]:
    known = lookup.load({rec.source_id for rec in recs})
    return {id: source.name for id, source in known.items()}


def _value(evidence: Evidence, held: dict[UUID, keys.Key]) -> str:
    place = records.evidence_aad(evidence.record_id, evidence.digest)
    spelt: str = sealed.unseal(held[evidence.record_id], bytes(evidence.sealed), aad=place)
    return shown(evidence.kind, spelt)


def records_in(profile_id: UUID) -> list[UUID]:
    """The ids of a profile's records."""
    return list(Record.objects.filter(profile_id=profile_id).values_list("id", flat=True))


def links_of(profile_id: UUID) -> list[LinkView]:
    """The links inside a profile, the strongest first."""
    ids = records_in(profile_id)
    rows = Link.objects.filter(left_id__in=ids, right_id__in=ids).order_by("-weight", "left_id", "right_id", "kind")
    return [
        LinkView(
            it.left_id,
            it.right_id,
            it.rule,
            LABELS.get(it.kind, ""),
            it.digest,
            it.weight,
            it.created_at,
            it.probability,
        )
        for it in rows
    ]


def constraints_of(profile_id: UUID) -> list[Constraint]:
    """What people decided about the records of a profile, the latest first."""
    ids = records_in(profile_id)
    return list(Constraint.objects.filter(Q(left_id__in=ids) | Q(right_id__in=ids)).order_by("-at", "-id"))


def history_of(profile_id: UUID, *, most: int) -> list[Merge]:
    """Merges and splits of a profile, the latest first."""
    acts = Merge.objects.filter(Q(profile_id=profile_id) | Q(others__contains=[profile_id]))
    return list(acts.order_by("-at", "-id")[:most])


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
            "typed_by_a_steward": {
                trait: {"value": value, "typed_at": at} for trait, (value, at) in sorted(rec.manual.items())
            },
        }
