"""Whether values that are written in different ways are one: compared in the spelling in which identifiers are. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdp.catalogue.identifiers import normalise
from identity.traits import canonical

_WORDS = {"phone": "same number", "email": "same address"}


def compared(path: str, said: Sequence[tuple[Any, str]], kinds: Mapping[str, str]) -> str:
    """How the values of one trait compare: "differ", "same" as they were typed, or in words what is the same though typed in
    another way; "" of fewer than two. said: (value, region by which its source writes phone numbers); kinds: trait -> kind of
    identifier."""
    if len(said) < 2:
        return ""
    if len({canonical(value).casefold().strip() for value, _ in said}) == 1:
        return "same"
    kind = kinds.get(path)
    spelt = {normalise(kind, value, region=region) for value, region in said} if kind else {None}
    if kind is None or None in spelt or len(spelt) > 1:
        return "differ"
    return _WORDS.get(kind, f"same {kind.replace('_', ' ')}")
