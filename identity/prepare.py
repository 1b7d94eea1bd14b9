"""Observations as the database sees them: digests instead of values, folded by record. Needs keys, not tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from cdp.catalogue.identifiers import KINDS, normalise
from cdp.vault import blind
from identity.rules import is_junk
from identity.traits import stamp


class Observation(Struct):
    """One thing a source said of one external id at one time.

    identifiers: (kind, raw value) of everything that says who it is about. facts and sealed: the two parts of the traits.
    region (ISO 3166-1 alpha-2) is how phone numbers without country code are read. user ids are told apart by namespace.
    """

    source_id: UUID
    namespace: str
    region: str
    key_kind: str
    key: str
    identifiers: list[tuple[str, str]]
    facts: dict[str, Any]
    sealed: dict[str, Any]
    occurred_at: datetime
    read: "Read | None" = None


class Value(Struct, frozen=True, gc=False):
    """One identifier as read. `spelt` is what the digest was made of."""

    kind: int
    digest: UUID
    spelt: str
    junk: bool


class Read(Struct, frozen=True):
    """An observation's identifiers, the record's key first."""

    key: Value
    values: tuple[Value, ...]


@dataclass(slots=True)
class Folded:
    """All that a batch says of one record. `values`: digest -> (value, when first seen)."""

    source_id: UUID
    key: Value
    first_seen: datetime
    values: dict[UUID, tuple[Value, datetime]] = field(default_factory=dict)
    said: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)


# Which identifier names the record when its key is junk ("undefined", "anonymous").
_NEXT_BEST = ("user_id", "anonymous_id", "customer_number", "loyalty_card", "device_id", "email", "phone")


def read_all(observations: Iterable[Observation]) -> None:
    """Reads the identifiers of those observations that were not read yet: normalised, digested, judged for junk."""
    pending = [observation for observation in observations if observation.read is None]
    found: list[list[tuple[str, str]]] = [_spelt(observation) for observation in pending]
    wanted: dict[str, dict[str, Value | None]] = {}
    for pairs in found:
        for kind, spelt in pairs:
            wanted.setdefault(kind, {})[spelt] = None
    for kind, spellings in wanted.items():
        code = KINDS[kind]
        for spelt, digest in zip(spellings, blind.index_many(kind, list(spellings)), strict=True):
            spellings[spelt] = Value(code, digest, spelt, is_junk(code, spelt))
    for observation, pairs in zip(pending, found, strict=True):
        values = tuple(dict.fromkeys(value for kind, spelt in pairs if (value := wanted[kind][spelt])))
        observation.read = Read(_key(values), values)


def _spelt(observation: Observation) -> list[tuple[str, str]]:
    pairs = []
    for kind, raw in ((observation.key_kind, observation.key), *observation.identifiers):
        plain = normalise(kind, raw, region=observation.region) if kind in KINDS else None
        if plain is None:
            continue
        if kind == "user_id":
            plain = f"{observation.namespace}\0{plain}"
        elif kind == "row":
            plain = f"{observation.source_id}\0{plain}"
        pairs.append((kind, plain))
    if not pairs:
        # A key that is no value of its kind is still the only name its source has for the record.
        pairs.append(("row", f"{observation.source_id}\0{observation.key_kind}\0{observation.key[:200]}"))
    return pairs


def _key(values: tuple[Value, ...]) -> Value:
    """The first value, unless it is junk and a better one is at hand."""
    if not values[0].junk:
        return values[0]
    codes = [KINDS[kind] for kind in _NEXT_BEST]
    sound = [value for value in values if not value.junk and value.kind in codes]
    return min(sound, key=lambda value: codes.index(value.kind)) if sound else values[0]


def digests_of(observation: Observation) -> tuple[UUID, ...]:
    """The digests of an observation's identifiers, without the database: for suppression and permission, before anything
    is kept. Junk is left out (nobody's own); the record's key is always in."""
    if observation.read is None:
        read_all([observation])
    read = observation.read
    assert read is not None
    return (read.key.digest, *(v.digest for v in read.values if not v.junk and v.digest != read.key.digest))


def fold(observations: Sequence[Observation]) -> tuple[dict[tuple[UUID, UUID], Folded], list[tuple[UUID, UUID]]]:
    """Folds observations by record (source, key digest); and each observation's record."""
    read_all(observations)
    folded: dict[tuple[UUID, UUID], Folded] = {}
    places = []
    for observation in observations:
        read, at = observation.read, observation.occurred_at
        assert read is not None
        place = (observation.source_id, read.key.digest)
        places.append(place)
        one = folded.get(place)
        if one is None:
            one = folded[place] = Folded(observation.source_id, read.key, at)
        elif at < one.first_seen:
            one.first_seen = at
        for value in read.values:
            known = one.values.get(value.digest)
            if known is None or at < known[1]:
                one.values[value.digest] = (value, at)
        if observation.facts or observation.sealed:
            one.said.append((stamp(at), observation.facts, observation.sealed))
    return folded, places


def shown(kind: int, spelt: str) -> str:
    """A value without the namespace that was digested with it."""
    return spelt.rpartition("\0")[2] if kind in (KINDS["user_id"], KINDS["row"]) else spelt
