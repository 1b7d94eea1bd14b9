"""A record's traits: for each, what was said last, in two parts (facts in clear, the rest to be sealed). Pure.

Both parts have the shape {trait: [value, time observed]}. A trait is one value even when it is an object of which one part
is a fact: whoever says it anew says all of it. Which observation wins is a function of their set: one without damage before
one with it, then the latest, and of two with one time the greater canonical JSON.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cdp.catalogue.split import merge as joined

Stamped = dict[str, list[Any]]


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value: Any) -> str:
    """One text for equal JSON values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def whole(facts: Stamped, sealed: Stamped, trait: str) -> Any:
    """The value of one trait, both parts joined."""
    fact, rest = facts.get(trait), sealed.get(trait)
    if fact is None or rest is None:
        return (fact or rest or [None])[0]
    return joined({trait: fact[0]}, {trait: rest[0]})[trait]


def damaged(value: Any) -> bool:
    """Whether signs were lost before it came here: U+FFFD stands for bytes that somebody read by the wrong encoding."""
    if isinstance(value, str):
        return "\ufffd" in value
    return isinstance(value, dict | list) and "\ufffd" in canonical(value)


def moves(facts: Stamped, sealed: Stamped, said: tuple[str, Mapping[str, Any], Mapping[str, Any]]) -> Iterator[str]:
    """The traits on which an observation (time, facts, rest) outdoes what is known."""
    at, new_facts, new_sealed = said
    for trait in {**new_facts, **new_sealed}:
        known = facts.get(trait) or sealed.get(trait)
        if known is None:
            yield trait
            continue
        new = _sound(new_facts.get(trait), new_sealed.get(trait)), at
        old = _sound((facts.get(trait) or [None])[0], (sealed.get(trait) or [None])[0]), known[1]
        if new > old:
            yield trait
        elif new == old:
            ours = (joined(_one(new_facts, trait), _one(new_sealed, trait)))[trait]
            theirs = whole(facts, sealed, trait)
            split = (trait in new_facts, trait in new_sealed) != (trait in facts, trait in sealed)
            if canonical(ours) > canonical(theirs) or (split and canonical(ours) == canonical(theirs)):
                yield trait


def _sound(*parts: Any) -> bool:
    return not any(damaged(part) for part in parts)


def _one(values: Mapping[str, Any], trait: str) -> dict[str, Any]:
    return {trait: values[trait]} if trait in values else {}


def take(facts: Stamped, sealed: Stamped, said: tuple[str, Mapping[str, Any], Mapping[str, Any]]) -> bool:
    """Merges an observation into both parts, in place; whether anything moved."""
    at, new_facts, new_sealed = said
    moved = list(moves(facts, sealed, said))
    for trait in moved:
        for part, new in ((facts, new_facts), (sealed, new_sealed)):
            if trait in new:
                part[trait] = [new[trait], at]
            else:
                part.pop(trait, None)
    return bool(moved)


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of one trait by dotted path; a list is one leaf."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(f"{name}.{key}", below)
    else:
        yield name, value
