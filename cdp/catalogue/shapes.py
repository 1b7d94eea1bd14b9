"""What an undeclared key's values look like, in counts and a sketch that keep no value. Pure."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp.catalogue.split import ACCEPTS, looks_personal

TYPES = ("text", "number", "boolean", "date", "datetime", "list", "object", "null")
# What texts look like: an e-mail address or phone number, a link, several words, more than a fact may have, an id.
LOOKS = ("personal", "link", "words", "long", "code")
COUNTS = TYPES + LOOKS
BUCKETS = 64
_LINK = re.compile(r"(?i)^[a-z][a-z0-9+.-]{1,20}://|^www\.")
_PHONE = re.compile(r"^\s*[+(]?\d[\d ().-]{7,20}$")
_CODE = re.compile(r"^[0-9a-fA-F-]{16,}$|^(?=.*\d)[A-Za-z0-9_-]{12,}$")
_FEW = 20  # a text fact has at most so many distinct values, or it is probably about one person
_STEP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PERSONAL = """
name names firstname lastname fullname username surname nickname email mail emails phone phones mobile telephone fax address
street city town zip zipcode postcode postal birth birthday birthdate dob user login token uuid guid ssn iban passport ip url
uri link comment comments note notes message text description bio
"""
_PERSONAL_WORDS = frozenset(_PERSONAL.split())


@dataclass(slots=True)
class Shape:
    """Counts of values by type and look, and a linear-counting sketch of how many are distinct: one bit of 64 per value,
    chosen by a keyed hash, so that nothing of a value is kept."""

    counts: dict[str, int] = field(default_factory=dict)
    sketch: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in TYPES)

    def add(self, value: Any, key: bytes) -> None:
        """Counts one value."""
        kind = type_of(value)
        self._count(kind)
        if kind == "text":
            for look in looks_of(value):
                self._count(look)
        if kind in ("text", "number", "date", "datetime"):
            raw = repr(value).encode("utf-8", "surrogatepass")
            self.sketch |= 1 << hashlib.blake2b(raw, key=key, digest_size=1).digest()[0] % BUCKETS

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def distinct(self) -> float:
        """About how many distinct values (Whang et al. 1990, linear counting); infinity when the sketch is full."""
        empty = BUCKETS - self.sketch.bit_count()
        return -BUCKETS * math.log(empty / BUCKETS) if empty else math.inf

    def stored(self) -> dict[str, int]:
        """The JSON that is stored. The sketch is a signed 64-bit integer there."""
        sketch = self.sketch - 2**64 if self.sketch >= 2**63 else self.sketch
        return {**{key: self.counts[key] for key in COUNTS if self.counts.get(key)}, "sketch": sketch}

    @classmethod
    def of(cls, stored: Mapping[str, int]) -> "Shape":
        """The inverse of `stored`."""
        return cls({key: int(stored[key]) for key in COUNTS if key in stored}, int(stored.get("sketch", 0)) % 2**64)


def type_of(value: Any) -> str:
    """The catalogue's type of a JSON value; "object" and "null" cannot be declared."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if ACCEPTS["date"](value) else "datetime" if ACCEPTS["datetime"](value) else "text"
    return "list" if isinstance(value, list) else "object"


def looks_of(text: str) -> list[str]:
    """What a text looks like."""
    looks = []
    if looks_personal(text) or _PHONE.match(text):
        looks.append("personal")
    if _LINK.match(text):
        looks.append("link")
    if " " in text.strip():
        looks.append("words")
    if len(text) > 200:
        looks.append("long")
    if _CODE.match(text):
        looks.append("code")
    return looks


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a key should be declared as, and why."""

    data_class: str
    type: str
    because: str


def suggest(name: str, shape: Shape) -> Suggestion:
    """A suggestion from a key's name and the shape of its values; a person decides."""
    present = {kind: n for kind, n in shape.counts.items() if kind in TYPES and kind != "null"}
    if not present:
        return Suggestion("identifying", "text", "no value seen yet")
    kind = max(sorted(present), key=lambda it: present[it])
    declarable = kind if kind in ACCEPTS else "text"
    if kind == "boolean":
        return Suggestion("fact", kind, "its values are booleans")
    if not _PERSONAL_WORDS.isdisjoint(word.lower() for word in _STEP.findall(name)):
        return Suggestion("identifying", declarable, "its name speaks of a person, a place or free text")
    if shape.counts.get("personal"):
        return Suggestion("identifying", declarable, "some values look like an e-mail address or a phone number")
    if kind == "object":
        return Suggestion("identifying", "text", "its values are objects")
    if kind in ("number", "datetime"):
        return Suggestion("fact", kind, f"its values are {kind}s")
    if kind == "date":
        return Suggestion("identifying", "date", "a date may be a birth date: declare it a fact if it is not")
    if kind == "list":
        return Suggestion(
            "identifying", "list", "what a list holds is not looked at: declare it a fact if it holds codes"
        )
    for look, words in (("link", "links"), ("long", "long texts"), ("code", "ids or tokens")):
        if shape.counts.get(look):
            return Suggestion("identifying", "text", f"some values are {words}")
    if shape.distinct() > _FEW:
        return Suggestion("identifying", "text", "many distinct values")
    return Suggestion("fact", "text", f"about {shape.distinct():.0f} distinct values")
