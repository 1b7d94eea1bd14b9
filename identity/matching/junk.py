"""Values that say nothing, found from the data: who holds them gives them away. Pure.

A person's e-mail address, phone or number is shared by a household at most. One that people of many different names hold is
what a clerk types to get on, or a switchboard. A birth date that is many times as frequent as its neighbours is a form's
default. A word that stands for given and family names alike is no name.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from identity.matching.table import Column, Table

Ints = npt.NDArray[np.int64]
_OWN = ("email", "phone", "national_id")
_NAMES = 8  # more different names than a large household has
_TIMES = 12  # so many times its neighbours' frequency
_JANUARY = 8 / 365.25  # eight times as many births on 1 January as there should be


def without_junk(table: Table) -> Table:
    """The table without junk values; its reading names them. Birth dates of 1 January become years where that is what most
    mean."""
    junk: dict[str, tuple[str, ...]] = {}
    for name in _OWN:
        if name in table.columns:
            junk[name] = _held_by_many(table, name)
    if "date_of_birth" in table.columns:
        junk["date_of_birth"] = _piled_up(table.columns["date_of_birth"])
    if "given_name" in table.columns and "family_name" in table.columns:
        no_names = _no_names(table.columns["given_name"], table.columns["family_name"])
        junk["given_name"] = junk["family_name"] = no_names
    found = {name: values for name, values in junk.items() if values}
    columns = {name: _drop(column, set(found.get(name, ()))) for name, column in table.columns.items()}
    reading = msgspec.structs.replace(table.reading, junk={**table.reading.junk, **found})
    if "date_of_birth" in columns and _january(columns["date_of_birth"]):
        reading = msgspec.structs.replace(reading, january=True)
        columns["date_of_birth"] = _years(columns["date_of_birth"])
    return replace(table, columns={name: column for name, column in columns.items() if column.values}, reading=reading)


def _drop(column: Column, junk: set[str]) -> Column:
    if not junk:
        return column
    kept = [at for at, value in enumerate(column.values) if value not in junk]
    moved = np.full(len(column.values) + 1, -1, dtype=np.int32)
    moved[kept] = np.arange(len(kept), dtype=np.int32)
    return Column([column.values[at] for at in kept], moved[column.codes])


def _held_by_many(table: Table, name: str) -> tuple[str, ...]:
    column = table.columns[name]
    counts = column.counts()
    suspects = np.flatnonzero(counts > _NAMES)
    found = []
    for at in suspects.tolist():
        rows = np.flatnonzero((column.codes == at).any(axis=1))
        names = _names(table, rows)
        if names > _NAMES or (names == 0 and counts[at] > _TIMES * max(np.quantile(counts, 0.999), _NAMES)):
            found.append(column.values[at])
    return tuple(sorted(found))


def _names(table: Table, rows: Ints) -> int:
    """How many different people hold it, judged by the first three letters of given and family name: slips do not count
    double."""
    seen = set()
    for row in rows.tolist():
        both = []
        for name in ("given_name", "family_name"):
            column = table.columns.get(name)
            code = column.codes[row, 0] if column is not None else -1
            both.append(column.values[code][:3] if column is not None and code >= 0 else "")
        if any(both):
            seen.add(tuple(sorted(both)))
    return len(seen)


def _piled_up(column: Column) -> tuple[str, ...]:
    """Full dates many times as frequent as the other days of their year and the years around."""
    counts = column.counts()
    by_year: dict[str, list[int]] = {}
    for value, count in zip(column.values, counts.tolist(), strict=True):
        if not value.endswith("-00"):
            by_year.setdefault(value[:3], []).append(count)
    total = max(int(counts.sum()), 1)
    januaries = _januaries(column)
    found = []
    for at in np.flatnonzero((counts > 20) & (counts / total > 0.002)).tolist():
        value, count = column.values[at], int(counts[at])
        if januaries and value.endswith("-01-01"):
            continue
        near = by_year.get(value[:3], ())
        usual = float(np.quantile([c for c in near if c != count] or [1], 0.9))
        if count > _TIMES * max(usual, 1):
            found.append(value)
    return tuple(sorted(found))


def _januaries(column: Column) -> bool:
    """1 January is frequent in many years, not only in a default's."""
    counts = column.counts()
    first = [
        (count, value[:4])
        for value, count in zip(column.values, counts.tolist(), strict=True)
        if value.endswith("-01-01")
    ]
    return len(first) > 10 and sorted(count for count, _ in first)[-4] * 4 > max(count for count, _ in first)


def _january(column: Column) -> bool:
    counts = column.counts()
    full = np.array([not value.endswith("-00") for value in column.values])
    first = np.array([value.endswith("-01-01") for value in column.values])
    return bool(_januaries(column) and counts[first].sum() > _JANUARY * max(counts[full].sum(), 1))


def _years(column: Column) -> Column:
    places: dict[str, int] = {}
    spelt = [f"{value[:4]}-00-00" if value.endswith("-01-01") else value for value in column.values]
    moved = np.array([*(places.setdefault(value, len(places)) for value in spelt), -1], dtype=np.int32)
    return Column(list(places), moved[column.codes])


def _no_names(given: Column, family: Column) -> tuple[str, ...]:
    """Frequent words that are about as frequent on either side, and mostly on both at once."""
    families: Mapping[str, int] = {value: at for at, value in enumerate(family.values)}
    firsts, lasts = given.counts(), family.counts()
    found = []
    for at, value in enumerate(given.values):
        other = families.get(value)
        if other is None or min(firsts[at], lasts[other]) < 10:
            continue
        both = int(((given.codes == at).any(axis=1) & (family.codes == other).any(axis=1)).sum())
        if both > 0.3 * max(firsts[at], lasts[other]):
            found.append(value)
    return tuple(sorted(found))
