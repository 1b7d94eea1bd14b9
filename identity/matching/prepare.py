"""From a record's raw values to prepared ones, the same for one record and for whole columns. Pure.

A field is what is compared. Most kinds are one field of the same name; name parts and a street with its number are read
together.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from identity.matching import dates, spelling

KINDS = (
    "id", "source", "given_name", "family_name", "full_name", "date_of_birth", "email", "phone", "street", "street_number",
    "city",
    "postcode", "region", "country", "gender", "national_id", "occupation", "birth_place", "other",
)  # fmt: skip
# How each field is compared (compare.py). A free column `other:NAME` is text, or a number where the data say so.
COMPARED = {
    "given_name": "given", "family_name": "family", "name_suffix": "category", "date_of_birth": "date", "email": "email",
    "phone": "phone", "street": "street", "city": "text", "postcode": "postcode", "region": "category", "country": "category",
    "gender": "category", "national_id": "code", "occupation": "text", "birth_place": "text",
}  # fmt: skip


class Reading(Struct, frozen=True):
    """How a body of data is written, found from the data (reading.py). Part of a model.

    junk: field -> prepared spellings that say nothing there. january: many dates of birth are 1 January for "that year".
    """

    day_first: bool = True
    latest_year: int = 2030
    calling_code: str = ""
    january: bool = False
    junk: dict[str, tuple[str, ...]] = {}


class Prepared(Struct, frozen=True):
    """A record ready to be compared: field -> prepared spellings, none of them empty."""

    values: dict[str, tuple[str, ...]]


# A group of kinds that are read together: a tuple of one raw value each ("" where there is none) -> field values.
Reader = Callable[[Sequence[str], Reading], tuple[str, ...]]


def _given(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    return spelling.given(raw[0])


def _family(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    return spelling.family(raw[0])


def _person(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    return spelling.person(raw[0], raw[1], raw[2])


def _street(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    return (spelling.street(f"{raw[1]} {raw[0]}"),)


def _born(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    read = dates.read(raw[0], day_first=reading.day_first, latest_year=reading.latest_year)
    return (f"{read[:4]}-00-00" if reading.january and read.endswith("-01-01") else read,)


def _phone(raw: Sequence[str], reading: Reading) -> tuple[str, ...]:
    return (spelling.phone(raw[0], reading.calling_code),)


def _single(spell: Callable[[str], str]) -> Reader:
    return lambda raw, reading: (spell(raw[0]),)


Group = tuple[tuple[str, ...], tuple[str, ...], Reader]  # kinds, fields, reader
_SINGLE: dict[str, Group] = {
    "given_name": (("given_name",), ("given_name", "name_suffix"), _given),
    "family_name": (("family_name",), ("family_name", "name_suffix"), _family),
    "date_of_birth": (("date_of_birth",), ("date_of_birth",), _born),
    "phone": (("phone",), ("phone",), _phone),
    **{
        kind: ((kind,), (kind,), _single(spell))
        for kind, spell in (
            ("email", spelling.email), ("city", spelling.text), ("postcode", spelling.postcode), ("region", spelling.text),
            ("country", spelling.text),
            ("gender", spelling.gender), ("national_id", spelling.code), ("occupation", spelling.text),
            ("birth_place", spelling.text),
        )
    },
}  # fmt: skip
_WHOLE: Group = (("given_name", "family_name", "full_name"), ("given_name", "family_name", "name_suffix"), _person)
_ADDRESS: Group = (("street", "street_number"), ("street",), _street)


def groups(kinds: Sequence[str]) -> list[Group]:
    """How the given kinds are read, in a stable order. Raises KeyError for an unknown kind."""
    found: list[Group] = []
    rest = list(dict.fromkeys(kind for kind in kinds if kind not in ("id", "source")))
    if "full_name" in rest:
        found.append(_WHOLE)
        rest = [kind for kind in rest if kind not in _WHOLE[0]]
    if "street" in rest or "street_number" in rest:
        found.append(_ADDRESS)
        rest = [kind for kind in rest if kind not in _ADDRESS[0]]
    for kind in rest:
        if kind.startswith("other"):
            found.append(((kind,), (kind,), _single(spelling.text)))
        else:
            found.append(_SINGLE[kind])
    return found


def prepare(raw: Mapping[str, Sequence[str]], reading: Reading = Reading()) -> Prepared:  # noqa: B008 - it is frozen
    """Prepares one record. raw: kind (or `other:NAME`) -> raw values; where kinds are read together, those at one place belong
    together. Raises KeyError for an unknown kind; a value that is none of its kind is left out."""
    values: dict[str, dict[str, None]] = {}
    for kinds, fields, reader in groups(list(raw)):
        columns = [raw.get(kind, ()) for kind in kinds]
        for place in range(max(map(len, columns))):
            row = [column[place] if place < len(column) else "" for column in columns]
            for field, value in zip(fields, reader(row, reading), strict=True):
                if value and value not in reading.junk.get(field, ()):
                    values.setdefault(field, {})[value] = None
    return Prepared({field: tuple(found) for field, found in values.items()})
