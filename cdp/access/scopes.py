"""The grammar of scopes: `room:verb`. Pure."""

from collections.abc import Iterable

SCOPES: dict[str, str] = {
    "profiles:read": "Profiles, with identifying values masked",
    "profiles:write": "Type values of people that outweigh what sources say, and withdraw them",
    "profiles:reveal": "Identifying values of profiles and groups in clear",
    "groups:read": "Companies, households and teams with their members, identifying values masked",
    "segments:read": "Segments, their sizes and members",
    "segments:write": "Create and change segments",
    "consents:read": "Purposes, notices, consents and what they permit",
    "consents:write": "Record consents, withdrawals and objections",
    "sources:read": "Sources, runs, rejections and reconciliation",
    "sources:write": "Create and change sources, replay rejections",
    "catalogue:read": "What every field means",
    "catalogue:write": "Declare fields",
    "audit:read": "The audit trail",
    "merges:read": "Merges and reviews of doubtful pairs",
    "merges:write": "Decide which records are one person",
    "update:write": "Send data about customers",
}
ROOMS = tuple(dict.fromkeys(scope.partition(":")[0] for scope in SCOPES))
VERBS = tuple(dict.fromkeys(scope.partition(":")[2] for scope in SCOPES))


class UnknownScope(ValueError):
    """A scope that no door asks for."""


def known() -> str:
    """Every scope one may write, as a sentence for an error message."""
    return (
        f"{', '.join(SCOPES)}; room:* and *:verb; a bare room (its read and write), a bare verb (*:verb), or * for all"
    )


def parse(text: str) -> str:
    """The normal form of one scope: "room:verb" with `*` for either.

    A bare verb means that verb in every room ("read" is "*:read"); a bare room means all its verbs but reveal, which
    must be asked for by name or by a star ("profiles" is not "profiles:*"). Raises UnknownScope.
    """
    word = text.strip().lower()
    if word in {"*", "*:*"}:
        return "*:*"
    if word in ROOMS:
        return word
    if word in VERBS:
        return f"*:{word}"
    room, _, verb = word.partition(":")
    if (room == "*" and verb in VERBS) or (verb == "*" and room in ROOMS) or word in SCOPES:
        return word
    raise UnknownScope(f"unknown scope {text!r}. Known: {known()}")


def parse_all(texts: Iterable[str]) -> list[str]:
    """Normal forms, each once, in order. Raises UnknownScope."""
    return list(dict.fromkeys(parse(text) for text in texts))


def grants(held: str, wanted: str) -> bool:
    """Does a scope in normal form open a door that wants `room:verb`?"""
    room, _, verb = wanted.partition(":")
    if held == room:
        return verb != "reveal"
    held_room, _, held_verb = held.partition(":")
    return held_room in {"*", room} and held_verb in {"*", verb}


def any_grants(held: Iterable[str], wanted: str) -> bool:
    """Does any of the scopes open the door?"""
    return any(grants(scope, wanted) for scope in held)
