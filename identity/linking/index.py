"""Blocking keys of one record: under which few digests those are found that it is compared with. Pure.

A rule joins parts of fields (`identity.matching.blocking`), so that a block holds few records even among millions. A key that
more records have than LIMIT is retired, whoever came first: they meet under the finer keys that join one part more. A record has
the keys of all rules for good, retired or not; of the finer ones those whose coarser key is retired. So who is compared with whom
is a function of the set of records.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from identity.matching.blocking import Part, parts_of
from identity.matching.prepare import Prepared

LIMIT = 40  # records under one key
_MOST = 12  # keys of one rule: somebody with five given names and three family names
RULES: tuple[tuple[str, ...], ...] = (
    ("national_id",),
    ("email",),
    ("email.user",),
    ("phone",),
    ("given_name~", "family_name~"),
    ("family_name~", "date_of_birth"),
    ("given_name~", "date_of_birth"),
    ("date_of_birth", "postcode.sector"),
    ("family_name~", "postcode"),
    ("given_name~", "date_of_birth.year", "postcode.sector"),
    ("street", "given_name~"),
)
# What makes a key finer: each part whose field its rule does not have yet, alone.
_FINER = ("date_of_birth", "given_name~", "family_name~", "postcode.sector", "phone.tail", "email.user")
# A name and a family name that changed places are found under one key.
_NAMES = {"given_name~", "family_name~"}


class Rule(NamedTuple):
    """Parts that are joined, and those that make a retired key finer."""

    name: str
    parts: tuple[Part, ...]
    finer: tuple[Part, ...]


def rules_of(fields: Mapping[str, str], chosen: Sequence[Sequence[str]] = ()) -> tuple[Rule, ...]:
    """Rules for a model with these fields (name -> how compared): those that were chosen from the data, else the usual ones whose
    parts it has."""
    parts = {part.name: part for part in parts_of(fields)}
    names = [tuple(rule) for rule in chosen] or [rule for rule in RULES if all(name in parts for name in rule)]
    return tuple(Rule("+".join(rule), tuple(parts[name] for name in rule), _finer(rule, parts)) for rule in names)


def _finer(rule: tuple[str, ...], parts: Mapping[str, Part]) -> tuple[Part, ...]:
    held = {parts[name].field for name in rule}
    return tuple(parts[name] for name in _FINER if name in parts and parts[name].field not in held)


def digester(key: bytes) -> Callable[[str], int]:
    """The first 64 bits of a keyed digest (BLAKE2b, RFC 7693, with a key), as a signed integer. key: 32 bytes."""
    prefix = hashlib.blake2b(key=key, digest_size=8)

    def digest(text: str) -> int:
        own = prefix.copy()
        own.update(text.encode())
        return int.from_bytes(own.digest(), "big", signed=True)

    return digest


def keys_of(
    prepared: Prepared, rules: Sequence[Rule], digest: Callable[[str], int], retired: Collection[int] = frozenset()
) -> list[int]:
    """A record's keys, sorted."""
    read: dict[str, list[str]] = {}
    found: set[int] = set()
    for rule in rules:
        for spelt in _spellings(rule, prepared, read):
            key = digest(spelt)
            found.add(key)
            if key in retired:
                for part in rule.finer:
                    found.update(
                        digest(f"{spelt}\x1e{part.name}\x1f{value}") for value in _values(part, prepared, read)
                    )
    return sorted(found)


def _spellings(rule: Rule, prepared: Prepared, read: dict[str, list[str]]) -> list[str]:
    columns = []
    for part in rule.parts:
        values = _values(part, prepared, read)
        if not values:
            return []
        columns.append(values)
    if len(columns) == 1:
        return [f"{rule.name}\x1f{value}" for value in columns[0][:_MOST]]
    if len(columns) == 2 and {part.name for part in rule.parts} == _NAMES:
        pairs = dict.fromkeys(tuple(sorted(pair)) for pair in product(*columns))
        return [f"{rule.name}\x1f{a}\x1f{b}" for a, b in pairs][:_MOST]
    return ["\x1f".join((rule.name, *values)) for values in product(*columns)][:_MOST]


def _values(part: Part, prepared: Prepared, read: dict[str, list[str]]) -> list[str]:
    """What a part reads of a record, each once and in a stable order."""
    values = read.get(part.name)
    if values is None:
        spellings = prepared.values.get(part.field, ())
        values = read[part.name] = sorted({one for value in spellings for one in part.read(value)}) if spellings else []
    return values
