"""How much two groups of records of one profile speak for two people, in bits. Pure.

Fellegi-Sunter with latent classes, as in the matching engine (docs/identity.md), turned to the question after a merge: one
person, or one of the ways in which two people come to be taken for one. Namesakes agree in their names, a household in its
family name and its place, so agreement counts for little where it is to be expected of both. The chances are agreed ones, as
the rules' weights are: an order of looking that is the same on every base, with or without a model.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from identity import names
from identity.names import Person
from identity.rules import EMAIL, PHONE, STRONG, Holder

Key = tuple[UUID, int]  # a source, and the kind of key by which it tells its customers apart
Several = Mapping[Key, float]  # how often one person has several such keys
_UNKNOWN_RATE = 0.1  # of a source of which nothing is known yet
# One person, then the ways to be two: a household; parent and child of one name; namesakes; strangers joined by a wrong value.
_PRIOR = (0.99, 0.003, 0.002, 0.002, 0.003)
_CHANCES: dict[str, dict[object, tuple[float, ...]]] = {
    "given_name": {True: (0.98, 0.04, 0.98, 0.98, 0.02), False: (0.01, 0.95, 0.01, 0.01, 0.97)},
    # Who marries changes it; a household mostly shares it.
    "family_name": {True: (0.94, 0.85, 0.98, 0.98, 0.01), False: (0.06, 0.15, 0.02, 0.02, 0.99)},
    "birth_date": {
        "equal": (0.93, 0.02, 0.001, 0.001, 0.001), "near": (0.05, 0.01, 0.01, 0.01, 0.01),
        "different": (0.02, 0.97, 0.989, 0.989, 0.989),
    },
    # Of a father and son one alone is often called so.
    "suffix": {
        "": (0.97, 0.96, 0.1, 0.96, 0.96), "equal": (0.008, 0.002, 0.01, 0.002, 0.002),
        "one": (0.02, 0.035, 0.8, 0.035, 0.035), "different": (0.002, 0.003, 0.09, 0.003, 0.003),
    },
    "national_id": {True: (0.99, 0.0001, 0.0001, 0.0001, 0.01), False: (0.01, 0.9999, 0.9999, 0.9999, 0.99)},
    "postcode": {True: (0.85, 0.9, 0.8, 0.02, 0.02), False: (0.15, 0.1, 0.2, 0.98, 0.98)},
    "email": {True: (0.6, 0.3, 0.2, 0.1, 0.4), False: (0.4, 0.7, 0.8, 0.9, 0.6)},
    "phone": {True: (0.65, 0.5, 0.4, 0.1, 0.3), False: (0.35, 0.5, 0.6, 0.9, 0.7)},
    # A user id, customer number or card that both hold. Of two people: somebody's slip.
    "number": {True: (0.8, 0.05, 0.03, 0.02, 0.35)},
}  # fmt: skip
_TWO_KEYS = 0.95  # of two people whom one source knows, so many have a key each
_NATIONAL = ("nationalId", "national_id", "ssn")
_POSTCODE = ("postalCode", "postal_code", "postcode", "zip", "zipCode", "zip_code")


@dataclass(frozen=True, slots=True)
class Witness:
    """What one record says. `values`: kind -> digests of its identifiers, without those that link nobody."""

    holder: Holder
    values: Mapping[int, frozenset[UUID]] = field(default_factory=dict)
    postcode: str = ""
    national_id: str = ""

    @property
    def id(self) -> UUID:
        """Of the record."""
        return self.holder.id

    @property
    def person(self) -> Person:
        """Names and birth date."""
        return self.holder.person


def place(traits: Mapping[str, Any]) -> str:
    """The postcode that traits tell of by its usual names, in an address too; "" if none."""
    address = traits.get("address")
    return _plain(traits, _POSTCODE) or (_plain(address, _POSTCODE) if isinstance(address, dict) else "")


def national(traits: Mapping[str, Any]) -> str:
    """The national number that traits tell of by its usual names; "" if none."""
    return _plain(traits, _NATIONAL)


READ = frozenset((*_NATIONAL, *_POSTCODE, "address"))  # the traits that these two read


def _plain(traits: Mapping[str, Any], wanted: Iterable[str]) -> str:
    said = (traits.get(name) for name in wanted)
    found = next((str(it) for it in said if isinstance(it, str | int) and it), "")
    return "".join(c for c in found.casefold() if c.isalnum())


def levels(ours: Collection[Witness], theirs: Collection[Witness]) -> dict[str, object]:
    """How two groups of records compare: field -> level, without fields of which either says nothing. What agrees best counts,
    so that one slip among several records is no contradiction."""
    one, two = ({it.person for it in side} - {names.NOBODY} for side in (ours, theirs))
    given = _best(_all(one, "given"), _all(two, "given"), names.same_given, (True, None, False))
    family = _best(_all(one, "family"), _all(two, "family"), _same_family, (True, False))
    if given is False and any(names.compare(a, b).given for a in one for b in two):
        given = family = True  # each in the other's field
    found: dict[str, object] = {
        "given_name": given,
        "family_name": family,
        "birth_date": _best(_all(one, "born"), _all(two, "born"), names.same_birth, ("equal", "near", "different")),
        "suffix": _suffix(_all(one, "suffix"), _all(two, "suffix")) if one and two else None,
        "postcode": _shared({it.postcode for it in ours}, {it.postcode for it in theirs}),
        "national_id": _shared({it.national_id for it in ours}, {it.national_id for it in theirs}),
        "email": _shared(_held(ours, EMAIL), _held(theirs, EMAIL)),
        "phone": _shared(_held(ours, PHONE), _held(theirs, PHONE)),
        "number": any(_shared(_held(ours, kind), _held(theirs, kind)) for kind in STRONG) or None,
    }
    return {name: level for name, level in found.items() if level is not None}


def _all(persons: Iterable[Person], part: str) -> set[Any]:
    return {value for it in persons if (value := getattr(it, part))}


def _held(side: Iterable[Witness], kind: int) -> set[UUID]:
    return {digest for it in side for digest in it.values.get(kind, ())}


def _same_family(left: str, right: str) -> bool:
    return bool(names.same_family(left, right))


def _best(ours: set[Any], theirs: set[Any], compare: Callable[[Any, Any], object], order: Iterable[object]) -> object:
    found = {compare(a, b) for a in ours for b in theirs}
    return next((level for level in order if level in found), None)


def _suffix(ours: set[str], theirs: set[str]) -> str:
    if ours and theirs:
        return "equal" if ours & theirs else "different"
    return "one" if ours or theirs else ""


def _shared(ours: set[Any], theirs: set[Any]) -> bool | None:
    ours, theirs = ours - {""}, theirs - {""}
    return bool(ours & theirs) if ours and theirs else None


def keys_apart(ours: Iterable[Witness], theirs: Iterable[Witness], several: Several) -> list[float]:
    """For each source that knows both groups by keys of its own: how often one person has several of these. Sources that speak
    of the same keys (a shop and its CRM) count as one, the strictest."""
    one, two = _keys(ours), _keys(theirs)
    found, seen = [], set[UUID]()
    for rate, key in sorted((several.get(key, _UNKNOWN_RATE), key) for key in one.keys() & two.keys()):
        if not (one[key] & seen and two[key] & seen) and not one[key] & two[key]:
            found.append(rate)
        seen |= one[key] | two[key]
    return found


def _keys(side: Iterable[Witness]) -> dict[Key, set[UUID]]:
    found: dict[Key, set[UUID]] = {}
    for it in side:
        if it.holder.strong:
            found.setdefault((it.holder.source_id, it.holder.key_kind), set()).add(it.holder.order[1])
    return found


def weight(ours: Collection[Witness], theirs: Collection[Witness], several: Several) -> float:
    """log2 of the odds that two groups of records, which are one profile, are two people."""
    odds = [math.log2(chance) for chance in _PRIOR]
    for name, level in levels(ours, theirs).items():
        odds = [sum_ + math.log2(chance) for sum_, chance in zip(odds, _CHANCES[name][level], strict=True)]
    for rate in keys_apart(ours, theirs, several):
        odds = [odds[0] + math.log2(rate), *(sum_ + math.log2(_TWO_KEYS) for sum_ in odds[1:])]
    top = max(odds[1:])
    return top + math.log2(sum(2 ** (it - top) for it in odds[1:])) - odds[0]
