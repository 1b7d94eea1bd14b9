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

from identity.matching.arrays import distinct
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
    names = _names(table, column, counts > _NAMES)
    crowd = _TIMES * max(np.quantile(counts, 0.999), _NAMES) if len(counts) else 0
    found = np.flatnonzero((counts > _NAMES) & ((names > _NAMES) | ((names == 0) & (counts > crowd))))
    return tuple(sorted(column.values[at] for at in found.tolist()))


def _names(table: Table, column: Column, suspect: npt.NDArray[np.bool_]) -> Ints:
    """How many different people hold each suspect value, judged by the first three letters of given and family name: slips
    do not count double."""
    places: dict[str, int] = {"": 0}
    of_rows = [np.zeros(table.size, dtype=np.int64)] * 2
    for field in ("given_name", "family_name"):
        if field in table.columns:
            names = table.columns[field]
            codes = np.array([*(places.setdefault(v[:3], len(places)) for v in names.values), 0], dtype=np.int64)
            of_rows.append(codes[names.codes[:, 0]])
    low, high = np.minimum(of_rows[-1], of_rows[-2]), np.maximum(of_rows[-1], of_rows[-2])
    # A name alone is low 0; neither name, high 0.
    held = column.codes.ravel()
    at = np.flatnonzero((held >= 0) & suspect[held])
    at = at[high[at // column.codes.shape[1]] > 0]
    rows, values = at // column.codes.shape[1], held[at].astype(np.int64)
    seen = distinct((values * len(places) + low[rows]) * len(places) + high[rows])
    return np.bincount(seen // len(places) ** 2, minlength=len(suspect)).astype(np.int64)


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
    places: Mapping[str, int] = {value: at for at, value in enumerate(given.values)}
    same = np.array([*(places.get(value, -1) for value in family.values), -1], dtype=np.int64)
    families = same[family.codes]
    hits = [
        np.flatnonzero((first >= 0) & (first == last)) * len(places) + first[(first >= 0) & (first == last)]
        for first in given.codes.T
        for last in families.T
    ]
    both = np.bincount(distinct(np.concatenate(hits)) % max(len(places), 1), minlength=len(places))
    firsts, lasts = given.counts(), np.zeros(len(places), dtype=np.int64)
    lasts[same[:-1][same[:-1] >= 0]] = family.counts()[same[:-1] >= 0]
    found = np.flatnonzero((np.minimum(firsts, lasts) >= 10) & (both > 0.3 * np.maximum(firsts, lasts)))
    return tuple(sorted(given.values[at] for at in found.tolist()))
