"""From raw text to the spelling that is compared: names, addresses, e-mail, phone, codes, free text. Pure, one value at a
time."""

import re
import unicodedata
from functools import lru_cache

import jellyfish
from anyascii import anyascii
from nicknames import NickNamer
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from identity.names import SUFFIXES, TITLES

_nicknames = NickNamer()
_WORDS = re.compile(r"[^a-z0-9]+")
_APOSTROPHES = re.compile(r"['’`´]")
# What people and programs write when they have nothing to write. What else is junk is found from the data (junk.py).
_NOTHING = {
    "", "n a", "na", "nan", "none", "null", "nil", "unknown", "undefined", "not known", "not available", "not applicable",
    "no data", "missing", "test", "tests", "tester", "testing", "anonymous", "anon", "guest", "noname", "no name", "nobody",
    "asdf",
    "qwerty", "xx", "xxx", "xxxx", "tbd", "tbc", "todo", "dummy", "example", "unbekannt", "inconnu", "desconocido", "keine",
    "keine angabe", "k a", "sin datos", "neuveden", "sconosciuto",
}  # fmt: skip
_PARTICLES = {
    "van", "von", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "der", "den", "zu", "zur", "bin", "ibn", "al",
    "el",
    "ter", "ten", "af", "av", "st", "mac", "mc", "o", "y", "e",
}  # fmt: skip
_STREETS = {
    "street": "st", "str": "st", "strasse": "st", "straat": "st", "avenue": "ave", "av": "ave", "avenida": "ave", "avda": "ave",
    "boulevard": "blvd", "boul": "blvd", "road": "rd", "lane": "ln", "drive": "dr", "court": "ct", "place": "pl", "plaza": "pl",
    "platz": "pl", "square": "sq", "terrace": "tce", "ter": "tce", "terr": "tce", "parade": "pde", "crescent": "cres",
    "circuit": "cct",
    "circle": "cir", "close": "cl", "highway": "hwy", "parkway": "pkwy", "way": "wy", "calle": "cl", "carrer": "cl", "rue": "r",
    "chemin": "ch", "chaussee": "ch", "via": "v", "ulica": "ul", "ulice": "ul", "ulitsa": "ul", "apartment": "apt",
    "flat": "apt",
    "unit": "apt", "suite": "apt", "ste": "apt", "appartement": "apt", "north": "n", "south": "s", "east": "e", "west": "w",
    "saint": "st", "mount": "mt", "number": "", "no": "", "nr": "",
}  # fmt: skip
_GLUED_STREET = re.compile(r"([a-z]{3,})(?:strasse|str)$")
_GENDERS = {
    "m": "m", "male": "m", "man": "m", "boy": "m", "mr": "m", "herr": "m", "mann": "m", "mannlich": "m", "homme": "m",
    "masculino": "m",
    "masculin": "m", "hombre": "m", "h": "m", "muz": "m", "f": "f", "female": "f", "woman": "f", "girl": "f", "w": "f",
    "mrs": "f",
    "ms": "f", "miss": "f", "frau": "f", "weiblich": "f", "femme": "f", "feminin": "f", "femenino": "f", "mujer": "f",
    "zena": "f",
}  # fmt: skip
_EXTENSION = re.compile(r"(?:;?ext?\.?=?|x|#|durchwahl)\s*\d{1,6}\s*$", re.IGNORECASE)
_CALLING_CODES = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
_SEPARATORS = re.compile(r"[._-]+")
_NOT_DIGIT = re.compile(r"\D+")


def plain(text: str) -> str:
    """Lower case words of a-z and 0-9, transliterated from any script: "Kučerová-Novák" -> "kucerova novak"."""
    if not text.isascii():
        text = anyascii(unicodedata.normalize("NFC", text))
    return _WORDS.sub(" ", _APOSTROPHES.sub("", text.lower())).strip()


def text(raw: str) -> str:
    """Free text; "" where it says nothing."""
    spelt = plain(raw)
    return "" if spelt in _NOTHING else spelt


def given(raw: str) -> tuple[str, str]:
    """A given name without titles, and a suffix (jr, sr, ii ...) that stood in it."""
    words = [word for word in text(raw).split() if word not in TITLES]
    suffix = SUFFIXES.get(words[-1], "") if len(words) > 1 else ""
    return " ".join(words[:-1] if suffix else words), suffix


def family(raw: str) -> tuple[str, str]:
    """A family name and its suffix. Particles are joined to the name they belong to: "van der Berg" -> "vanderberg"."""
    words = text(raw).split()
    suffix = SUFFIXES.get(words[-1], "") if len(words) > 1 else ""
    return _joined(words[:-1] if suffix else words), suffix


def _joined(words: list[str]) -> str:
    out: list[str] = []
    held = ""
    for word in words:
        if word in _PARTICLES:
            held += word
        else:
            out.append(held + word)
            held = ""
    if held:
        out.append(held)
    return " ".join(out)


def person(given_raw: str, family_raw: str, full_raw: str) -> tuple[str, str, str]:
    """(given, family, suffix) of a record that also has a full name: it fills what is missing and adds middle names."""
    first, suffix = given(given_raw)
    last, other = family(family_raw)
    suffix = suffix or other
    if "," in full_raw:
        # "Novak, Jana", but also "William Napier, 7th Lord Napier": the words before the comma are the family name when few.
        before, _, after = full_raw.partition(",")
        if len(before.split()) <= 2 and not (first or last):
            full_raw = f"{after} {before}"
    words = [word for word in text(full_raw).split() if word not in TITLES]
    if len(words) > 2 and words[-1] in SUFFIXES:
        suffix = suffix or SUFFIXES[words.pop()]
    if not first and not last:
        cut = _family_starts(words)
        first, last = " ".join(words[:cut]), _joined(words[cut:])
    elif words:
        known = {*first.split(), *last.split(), *family_raw.lower().split()}
        more = [word for word in words if word not in known]
        if first and more and len(more) <= 3:
            first = " ".join((first, *more))
    return first, last, suffix


def _family_starts(words: list[str]) -> int:
    """Where the family name begins: at the last word, or at the particles before it. One word alone is a given name."""
    cut = max(len(words) - 1, 1)
    while cut > 1 and words[cut - 1] in _PARTICLES:
        cut -= 1
    return cut


@lru_cache(maxsize=65_536)
def sounds(word: str) -> str:
    """The phonetic code of a word (Metaphone), or the word itself where that says too little."""
    code = jellyfish.metaphone(word)
    return code if len(code) > 1 else word[:4]


@lru_cache(maxsize=65_536)
def formal(word: str) -> frozenset[str]:
    """The formal names that a word may be short for, itself among them: "bob" -> {"bob", "robert"}."""
    return frozenset((word, *_nicknames.canonicals_of(word)))


def email(raw: str) -> str:
    """Lower case; Gmail's dots and any "+tag" dropped. Misspelt ones are kept: they are compared, not written to. "" without
    "@"."""
    spelt = raw.strip().strip("<>").lower().removeprefix("mailto:")
    user, at, domain = spelt.rpartition("@")
    if not at or not user or not domain or _SEPARATORS.sub(" ", user) in _NOTHING:
        return ""
    user = user.partition("+")[0] or user
    if domain in ("gmail.com", "googlemail.com"):
        user, domain = user.replace(".", ""), "gmail.com"
    return f"{user}@{domain}"


def phone(raw: str, calling_code: str = "") -> str:
    """The national digits, without country code, trunk zero and extension. "" for less than six digits.

    `calling_code`: that of most numbers, for those that carry it without a plus."""
    plainly = raw.isascii() and raw.isdigit()  # as most are: nothing to strip
    stripped = raw if plainly else _EXTENSION.sub("", raw)
    digits = raw if plainly else _NOT_DIGIT.sub("", stripped)
    if stripped.lstrip(" (").startswith("+") or digits.startswith("00"):
        digits = _national(digits.removeprefix("00"))
    elif calling_code and digits.startswith(calling_code) and len(digits) >= 9 + len(calling_code):
        digits = digits[len(calling_code) :]
    digits = digits.lstrip("0")
    return digits if 6 <= len(digits) <= 14 and len(set(digits)) > 1 else ""


def calling_code(raw: str) -> str:
    """The country calling code of an international number, or ""."""
    stripped = raw.lstrip(" (")
    if not stripped.startswith(("+", "00")):
        return ""
    digits = _NOT_DIGIT.sub("", stripped).removeprefix("00")
    return digits[: len(digits) - len(_national(digits))]


def _national(digits: str) -> str:
    for length in (1, 2, 3):
        if digits[:length] in _CALLING_CODES:
            return digits[length:]
    return digits


def street(raw: str) -> str:
    """Numbers, then "|", then the street's words with usual abbreviations: "5 Old Road, Flat 2" -> "5 2|old rd apt"."""
    numbers: list[str] = []
    words: list[str] = []
    for word in text(raw).split():
        if word[0].isdigit():
            numbers.append(word)
        else:
            glued = _GLUED_STREET.match(word)
            words.extend((glued[1], "st") if glued else (_STREETS.get(word, word),))
    name = " ".join(word for word in words if word)
    return f"{' '.join(numbers)}|{name}" if numbers or name else ""


def code(raw: str) -> str:
    """Ids and postcodes: upper case letters and digits; "" for nothing and for one character repeated."""
    spelt = text(raw)
    joined = spelt.replace(" ", "")
    return joined if joined and (len(set(joined)) > 1 or len(joined) < 3) else ""


def postcode(raw: str) -> str:
    """As `code`, but a space that parts it is kept where it stands (British, Canadian, Dutch ... codes)."""
    spelt = text(raw)
    return spelt if code(raw) else ""


def gender(raw: str) -> str:
    """ "m", "f" or the word itself."""
    spelt = text(raw)
    return _GENDERS.get(spelt, spelt)
