"""What of a record is compared with others: its declared traits by kind, without what is nobody's own."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from cdp.catalogue import snapshot
from cdp.catalogue.identifiers import KINDS, normalise
from cdp.sources import lookup
from cdp.vault import blind
from identity import names, relink
from identity.matching import prepare as matching
from identity.matching.prepare import Prepared, Reading
from identity.records import Rec
from identity.rules import is_junk
from identity.traits import whole

PURPOSE = (
    "matching"  # what a person refuses who does not want to be found by likeness; also a purpose of declared fields
)
# The kinds of the engine by the usual names of traits, whose order is that of the values.
_NAMED: dict[str, tuple[str, ...]] = {
    "given_name": names.GIVEN,
    "family_name": names.FAMILY,
    "full_name": names.FULL,
    "date_of_birth": names.BORN,
    "street": (
        "street", "streetAddress", "street_address", "addressLine1", "address_line1", "address", "address.street",
        "address.line1",
    ),
    "street_number": ("houseNumber", "house_number", "streetNumber", "street_number", "address.houseNumber", "address.number"),
    "city": ("city", "address.city"),
    "postcode": ("postalCode", "postal_code", "postcode", "zip", "zipCode", "zip_code", "address.postalCode", "address.zip"),
    "region": ("region", "state", "address.region", "address.state"),
    "country": ("country", "address.country"),
    "gender": ("gender",),
    "national_id": ("nationalId", "national_id", "ssn"),
    "birth_place": ("birthPlace", "birth_place", "placeOfBirth"),
    "occupation": ("occupation", "jobTitle", "job_title"),
}  # fmt: skip
_DIGESTED = ("email", "phone")  # kinds that are identifiers too

_Paths = dict[str, list[tuple[int, str, tuple[str, ...]]]]  # trait -> (place, kind, steps below the trait)
_paths: tuple[object, _Paths] = (None, {})


def paths() -> _Paths:
    """Which traits are compared, as which kind: declared ones whose purposes, if any are named, include PURPOSE."""
    global _paths
    catalogue = snapshot.current()
    if _paths[0] is not catalogue:
        named = [(kind, path) for kind, own in _NAMED.items() for path in own]
        named += [(kind, path) for path, kind in sorted(catalogue.identifiers.items()) if kind in _DIGESTED]
        found: _Paths = {}
        for place, (kind, path) in enumerate(named):
            info = catalogue.declared("trait", path)
            if info is not None and (not info.purposes or PURPOSE in info.purposes):
                head, *rest = path.split(".")
                found.setdefault(head, []).append((place, kind, tuple(rest)))
        _paths = (catalogue, found)
    return _paths[1]


def prepare(recs: Collection[Rec], reading: Reading) -> dict[UUID, Prepared]:
    """What is compared of records; those without anything are absent. At most one query, for values that link nobody."""
    found = {}
    for id, values in raw(recs).items():
        prepared = matching.prepare(values, reading)
        if prepared.values:
            found[id] = prepared
    return found


def raw(recs: Collection[Rec]) -> dict[UUID, dict[str, list[str]]]:
    """The values of records by the engine's kinds, as they were said; records without any are absent."""
    wanted = paths()
    regions = {id: source.region for id, source in lookup.load({rec.source_id for rec in recs}).items()}
    found = {rec.id: _raw(rec, wanted, regions.get(rec.source_id, "")) for rec in recs}
    dead = _nobodys(found.values())
    for values in found.values():
        for kind in _DIGESTED:
            if kind in values:
                values[kind] = [it for it in values[kind] if (kind, it) not in dead]
    return {id: values for id, values in found.items() if any(values.values())}


def _raw(rec: Rec, wanted: _Paths, region: str) -> dict[str, list[str]]:
    placed = []
    for trait in {*rec.sealed, *rec.facts}:
        for place, kind, steps in wanted.get(trait, ()):
            value = _below(whole(rec.facts, rec.sealed, trait), steps)
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            if isinstance(value, str) and value.strip():
                # Identifiers are compared as they link: with the country code that the source implies.
                spelt = normalise(kind, value, region=region) if kind in _DIGESTED else None
                placed.append((place, kind, spelt or value))
    values: dict[str, list[str]] = {}
    for _, kind, value in sorted(placed):
        values.setdefault(kind, []).append(value)
    return values


def _below(value: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _nobodys(raw: Iterable[Mapping[str, list[str]]]) -> set[tuple[str, str]]:
    """E-mail addresses and phone numbers that are junk or retired: what links nobody is no likeness either."""
    values = {kind: list({it for one in raw for it in one.get(kind, ())}) for kind in _DIGESTED}
    junk = {(kind, it) for kind, all in values.items() for it in all if is_junk(KINDS[kind], it)}
    asked = {
        digest: (kind, it)
        for kind, all in values.items()
        for it, digest in zip(all, blind.index_many(kind, all), strict=True)
    }
    return junk | {asked[digest] for digest in relink.retired(asked)}
