"""What two records say of a person, compared: given name, family name, suffix, birth date. Pure.

Every comparison knows three answers: the same, different, or cannot tell (None).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from nicknames import NickNamer
from rapidfuzz.distance import OSA, JaroWinkler

GIVEN = ("firstName", "first_name", "givenName", "given_name")
FAMILY = ("lastName", "last_name", "familyName", "family_name", "surname")
FULL = ("name", "fullName", "full_name")
BORN = ("birthday", "birthDate", "birth_date", "birthdate", "dateOfBirth", "date_of_birth", "dob")
ATTRIBUTES = frozenset((*GIVEN, *FAMILY, *FULL, *BORN, "suffix"))

_SIMILAR, _DIFFERENT = 0.88, 0.82  # Jaro-Winkler; in between nobody can tell
SUFFIXES = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau"}
_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"})
_NOBODY = {"test", "none", "null", "na", "unknown", "anonymous", "guest", "customer", "noname", "xxx", "asdf"}
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
# What systems fill in when they know no birth date.
_PLACEHOLDERS = {date(1900, 1, 1), date(1901, 1, 1), date(1970, 1, 1), date(1899, 12, 30), date(2000, 1, 1)}
_nicknames = NickNamer()


@dataclass(frozen=True, slots=True)
class Person:
    """What a record says of a person, in comparable spelling; "" and None where it says nothing."""

    given: str = ""
    family: str = ""
    suffix: str = ""
    born: date | None = None


NOBODY = Person()


@dataclass(frozen=True, slots=True)
class Sameness:
    """How two persons compare. `born`: "equal", "near" (a slip of the pen), "different" or None."""

    given: bool | None = None
    family: bool | None = None
    born: str | None = None
    suffix_differs: bool = False

    @property
    def agree(self) -> bool:
        """The same name. Who marries changes the family name, so an equal birth date speaks for that."""
        return self.given is True and not self.conflict and (self.family is True or self.born in ("equal", "near"))

    @property
    def conflict(self) -> bool:
        """Two people: another given name (a couple, twins), or another birth date (father and son of one name)."""
        return self.given is False or self.born == "different" or self.suffix_differs


UNKNOWN = Sameness()


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Lower case, without accents and punctuation: "Kučerová-Novák" -> "kucerova novak"."""
    bare = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    bare = "".join(c for c in bare if not unicodedata.combining(c)).replace("'", "").replace("’", "")
    return " ".join("".join(c if c.isalpha() else " " for c in bare).split())


def person(traits: Mapping[str, Any]) -> Person:
    """Reads a person from trait values by their usual names."""
    given, family = plain(_first(traits, GIVEN)), plain(_first(traits, FAMILY))
    if not given and not family:
        given, family = _split(plain(_first(traits, FULL)))
    suffix = plain(_first(traits, ("suffix",)))
    words = family.split()
    if len(words) > 1 and words[-1] in SUFFIXES:
        suffix, family = words[-1], " ".join(words[:-1])
    given = "" if given in _NOBODY else given
    family = "" if family in _NOBODY else family
    born = birth_date(_first(traits, BORN))
    if not (given or family or born):
        return NOBODY
    return Person(given, family, SUFFIXES.get(suffix, ""), born)


def _first(traits: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = traits.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _split(full: str) -> tuple[str, str]:
    words = [word for word in full.split() if word not in TITLES]
    if len(words) < 2:
        return (words[0] if words else ""), ""
    if words[-1] in SUFFIXES and len(words) > 2:
        return " ".join(words[:-2]), " ".join(words[-2:])
    return " ".join(words[:-1]), words[-1]


def birth_date(text: str) -> date | None:
    """ISO 8601, or day and month in either order with the year last; None for placeholders and what cannot be."""
    found = _ISO.match(text)
    if found:
        orders = [tuple(map(int, found.groups()))]
    else:
        found = _SLASHED.match(text)
        if not found:
            return None
        a, b, year = map(int, found.groups())
        orders = [(year, a, b), (year, b, a)] if "/" in text else [(year, b, a)]
    for year, month, day in orders:
        try:
            born = date(year, month, day)
        except ValueError:
            continue
        return born if born not in _PLACEHOLDERS and year >= 1880 else None
    return None


def compare(left: Person, right: Person) -> Sameness:
    """Compares two persons; symmetric."""
    if left is NOBODY or right is NOBODY:
        return UNKNOWN
    given, family = same_given(left.given, right.given), same_family(left.family, right.family)
    if given is False and _swapped(left, right):
        given = family = True
    return Sameness(
        given=given,
        family=family,
        born=same_birth(left.born, right.born),
        suffix_differs=bool(left.suffix and right.suffix and left.suffix != right.suffix),
    )


def _swapped(left: Person, right: Person) -> bool:
    """Given and family name in each other's field, as people fill in forms."""
    return same_family(left.given, right.family) is True and same_family(left.family, right.given) is True


def same_given(left: str, right: str) -> bool | None:
    """Equal, a nickname, an initial, one name of several, or a slip of the pen."""
    if not left or not right:
        return None
    if left == right:
        return True
    ours, theirs = left.split(), right.split()
    if len(ours[0]) == 1 or len(theirs[0]) == 1:
        return ours[0][0] == theirs[0][0]
    if set(ours) & set(theirs) or left.replace(" ", "") == right.replace(" ", ""):
        return True
    return _same_word(*sorted((ours[0], theirs[0])))


@lru_cache(maxsize=65_536)
def _same_word(left: str, right: str) -> bool | None:
    if _nicknamed(left, right):
        return True
    if _paired(left, right):
        return None
    likeness = JaroWinkler.similarity(left, right)
    if likeness >= _SIMILAR and OSA.distance(left, right) <= (1 if min(len(left), len(right)) <= 5 else 2):
        return True
    return False if likeness < _DIFFERENT else None


def _nicknamed(left: str, right: str) -> bool:
    if right in _nicknames.nicknames_of(left) or left in _nicknames.nicknames_of(right):
        return True
    common = _nicknames.canonicals_of(left) & _nicknames.canonicals_of(right)
    return bool(common) and left[0] == right[0]


def _paired(left: str, right: str) -> bool:
    """Maria and Mario, Daniel and Danielle: one letter apart, and as often brother and sister as a slip."""
    short, long = sorted((left, right), key=lambda name: (len(name), name))
    if long.startswith(short) and long[len(short) :] in {"a", "e", "ne", "le", "la", "ina", "ette"}:
        return True
    return len(left) == len(right) and left[:-1] == right[:-1] and {left[-1], right[-1]} <= set("aeo")


def same_family(left: str, right: str) -> bool | None:
    """Equal, one name of several (double names), or a slip of the pen."""
    if not left or not right:
        return None
    if left == right or set(left.split()) & set(right.split()):
        return True
    ours, theirs = left.replace(" ", ""), right.replace(" ", "")
    return ours == theirs or (JaroWinkler.similarity(ours, theirs) >= _SIMILAR and OSA.distance(ours, theirs) <= 2)


def same_birth(left: date | None, right: date | None) -> str | None:
    """ "near": one digit off, day and month swapped, up to two weeks in one year, or 1 January, which often means "that year"."""
    if left is None or right is None:
        return None
    if left == right:
        return "equal"
    if left.year == right.year:
        if (left.month, left.day) == (right.day, right.month) or abs((left - right).days) <= 15:
            return "near"
        if (1, 1) in ((left.month, left.day), (right.month, right.day)):
            return "near"
    slips = sum(a != b for a, b in zip(left.isoformat(), right.isoformat(), strict=True))
    return "near" if slips == 1 else "different"
