"""What clerks, forms and years do to values: pure functions of a value and a dice."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import TypeVar

from nicknames import NickNamer

T = TypeVar("T")

NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
LETTERS = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "Æ": "AE"})


def dice(*seed: object) -> Random:
    """A random source that depends on the seed alone: demo data must be the same every time, and need not be secret."""
    return Random("\0".join(str(part) for part in seed))  # noqa: S311


def moment(dice: Random, day: date, *, first_hour: int = 8, last_hour: int = 21) -> datetime:
    """Some second of that day, aware UTC."""
    seconds = dice.randrange(first_hour * 3600, last_hour * 3600)
    return datetime.combine(day, time(), UTC) + timedelta(seconds=seconds)


def plain(text: str) -> str:
    """Without accents, as many forms and all mailboxes want it: 'Kučerová' -> 'Kucerova'."""
    return unicodedata.normalize("NFKD", text.translate(LETTERS)).encode("ascii", "ignore").decode()


def typo(dice: Random, text: str) -> str:
    """One slip of the finger in a word (a letter doubled, dropped, swapped or hit beside), never in the first letter."""
    places = [i for i in range(1, len(text)) if text[i].isalpha()]
    if not places:
        return text
    at = dice.choice(places)
    kind = dice.choice(("double", "drop", "swap", "beside"))
    if kind == "drop" and len(text) > 3:
        return text[:at] + text[at + 1 :]
    if kind == "swap" and at + 1 < len(text) and text[at] != text[at + 1]:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == "beside" and text[at].lower() in NEIGHBOURS:
        return text[:at] + dice.choice(NEIGHBOURS[text[at].lower()]) + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def wrong_digit(dice: Random, digits: str) -> str:
    """One digit in the last four read wrongly."""
    at = len(digits) - dice.randint(1, 4)
    return digits[:at] + str((int(digits[at]) + dice.randint(1, 9)) % 10) + digits[at + 1 :]


@cache
def _nicknames(given: str) -> tuple[str, ...]:
    return tuple(sorted(NickNamer().nicknames_of(given)))


def nickname(dice: Random, given: str) -> str:
    """'William' -> 'Bill'; the name itself when the table of nicknames has none."""
    choices = _nicknames(given)
    return dice.choice(choices).title() if choices else given


def phone_written(dice: Random, e164: str) -> str:
    """A number of region US in one of the ways people write it; a foreign one always with its country code."""
    if not e164.startswith("+1"):
        return e164
    area, exchange, line = e164[2:5], e164[5:8], e164[8:]
    return dice.choice(
        (
            e164, f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"{area}.{exchange}.{line}",
            f"1-{area}-{exchange}-{line}", f"{area}{exchange}{line}", f"+1 {area} {exchange} {line}",
        )
    )  # fmt: skip


def email_written(dice: Random, email: str) -> str:
    """The same mailbox as people type it: capitals, blanks and, where the provider ignores them, dots and plus tags."""
    local, _, domain = email.partition("@")
    if domain == "gmail.com" and dice.random() < 0.6:
        at = dice.randrange(1, local.index("_"))
        dotted = local[:at] + "." + local[at:]
        return f"{dotted}{dice.choice(('', '+shop', '+grocer'))}@{domain}"
    return dice.choice((email.title(), email.upper(), f" {email} ", f"{local.capitalize()}@{domain}"))


def date_written(dice: Random, day: date | datetime | None) -> str:
    """ISO most of the time, the American way in the rest; blank for None."""
    if day is None:
        return ""
    return day.strftime("%Y-%m-%d" if dice.random() < 0.7 else "%m/%d/%Y")


def chosen(dice: Random, weighted: Sequence[tuple[T, float]]) -> T:
    """One of the values by weight."""
    return dice.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
