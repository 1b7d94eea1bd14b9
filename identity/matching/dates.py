"""Dates as people write them, in one spelling: "YYYY-MM-DD", with 00 for what is not known. Pure.

A date that cannot be (1858-84-22) is kept as it was written: a slip of the pen still tells who it is.
"""

import re
from collections.abc import Iterable

_NUMBERS = re.compile(r"(\d+)[-/. ](\d+)[-/. ](\d+)(?:[T ].*)?$")
_MONTHS = {
    "jan": 1, "januar": 1, "janv": 1, "ene": 1, "led": 1, "feb": 2, "fev": 2, "fevr": 2, "uno": 2, "mar": 3, "marz": 3,
    "mars": 3,
    "mrz": 3, "bre": 3, "apr": 4, "avr": 4, "abr": 4, "dub": 4, "may": 5, "mai": 5, "mei": 5, "kve": 5, "mag": 5, "jun": 6,
    "juin": 6,
    "cer": 6, "giu": 6, "jul": 7, "juil": 7, "lug": 7, "aug": 8, "aou": 8, "aout": 8, "ago": 8, "srp": 8, "sep": 9, "set": 9,
    "zar": 9,
    "oct": 10, "okt": 10, "out": 10, "ott": 10, "rij": 10, "nov": 11, "lis": 11, "dec": 12, "dez": 12, "dic": 12, "pro": 12,
}  # fmt: skip
_WORDY = re.compile(r"[a-z]+|\d+")
_COMPACT = re.compile(r"\d{8}")
_YEAR = re.compile(r"\d{4}")
_YEAR_MONTH = re.compile(r"(\d{4})[-/.](\d{1,2})")


def read(raw: str, *, day_first: bool = True, latest_year: int = 2030) -> str:
    """A date's spelling, or "" for what is none. `day_first`: how 3/4/1980 is read. `latest_year`: no two-digit year is
    later."""
    text = raw.strip()
    found = _NUMBERS.match(text)
    if found:
        return _of_numbers(found[1], found[2], found[3], day_first, latest_year)
    if _COMPACT.fullmatch(text):
        year = text[:4]
        if "1500" <= year <= "2199" or year == "9999":
            return f"{year}-{text[4:6]}-{text[6:]}"
        return _of_numbers(text[:2], text[2:4], text[4:], day_first, latest_year)
    if _YEAR.fullmatch(text):
        return f"{text}-00-00"
    found = _YEAR_MONTH.fullmatch(text)
    if found:
        return f"{found[1]}-{int(found[2]):02d}-00"
    return _of_words(text.lower(), latest_year)


def _of_numbers(a: str, b: str, c: str, day_first: bool, latest_year: int) -> str:
    if len(a) == 4:
        year, month, day = a, b, c
    elif len(c) in (2, 4):
        first_is_day = int(a) > 12 or (day_first and int(b) <= 12)
        day, month = (a, b) if first_is_day else (b, a)
        year = c if len(c) == 4 else _century(c, latest_year)
    else:
        return ""
    return f"{year}-{month:0>2}-{day:0>2}" if len(month) < 3 and len(day) < 3 else ""


def _century(two: str, latest_year: int) -> str:
    year = latest_year - latest_year % 100 + int(two)
    return str(year if year <= latest_year else year - 100)


def _of_words(text: str, latest_year: int) -> str:
    """ "12 March 1984", "Mar 12, 1984", "12-MAR-84", "March 1984"."""
    month, numbers = 0, []
    for word in _WORDY.findall(text):
        if word.isdigit():
            numbers.append(word)
        elif not month:
            month = _MONTHS.get(word[:5]) or _MONTHS.get(word[:4]) or _MONTHS.get(word[:3], 0)
    if not month or not numbers or len(numbers) > 2:
        return ""
    numbers.sort(key=len)
    year = numbers[-1]
    if len(numbers) == 1 and len(year) != 4:
        return ""
    if len(year) != 4:
        year = _century(year[:2], latest_year)
    return f"{year}-{month:02d}-{numbers[0] if len(numbers) == 2 else '0':0>2}"


def day_first(values: Iterable[str]) -> bool:
    """Whether most dates with slashes and the like are day before month: those with a number above 12 decide."""
    ahead = behind = 0
    for value in values:
        found = _NUMBERS.match(value.strip())
        if found and len(found[1]) < 3:
            ahead += int(found[1]) > 12
            behind += int(found[2]) > 12
    return ahead >= behind
