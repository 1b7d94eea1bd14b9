"""Many records as columns of codes: each field's distinct spellings once, and for each record the places of its own. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from identity.matching import dates, spelling
from identity.matching.prepare import Group, Prepared, Reading, groups

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(slots=True)
class Column:
    """A field of all records. values: the distinct spellings; codes: (records, places) int32 into values, -1 for none."""

    values: list[str]
    codes: Codes

    def counts(self) -> Ints:
        """How many records hold each value."""
        flat = self.codes[self.codes >= 0]
        return np.bincount(flat, minlength=len(self.values)).astype(np.int64)


@dataclass(slots=True)
class Table:
    """Prepared records. `source`: a code for each record's source, or None where the data name none."""

    size: int
    columns: dict[str, Column]
    reading: Reading = field(default_factory=Reading)
    source: Codes | None = None

    @classmethod
    def of(cls, records: Sequence[Prepared]) -> "Table":
        """A small table of prepared records: one and its candidates."""
        columns: dict[str, Column] = {}
        names = dict.fromkeys(name for record in records for name in record.values)
        for name in names:
            rows = [record.values.get(name, ()) for record in records]
            places: dict[str, int] = {}
            codes = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int32)
            for at, row in enumerate(rows):
                for place, value in enumerate(row):
                    codes[at, place] = places.setdefault(value, len(places))
            columns[name] = Column(list(places), codes)
        return cls(len(records), columns)

    def record(self, at: int) -> Prepared:
        """One record again."""
        values = {}
        for name, column in self.columns.items():
            found = tuple(dict.fromkeys(column.values[code] for code in column.codes[at] if code >= 0))
            if found:
                values[name] = found
        return Prepared(values)


Raw = Sequence[tuple[str, pa.Array]]  # (kind, text or null of each record)


def build(raw: Raw, reading: Reading | None = None) -> Table:
    """Prepares whole columns, as `prepare` does for one record. Without a `reading` it is found from the data.

    Raises KeyError for an unknown kind. Every array has one text (or null) for each record."""
    size = len(raw[0][1])
    encoded: dict[str, list[tuple[list[str], Codes]]] = {}
    source = None
    for kind, array in raw:
        if kind == "source":
            source = _encode(array)[1]
        elif kind != "id":
            encoded.setdefault(kind, []).append(_encode(array))
    reading = reading or find_reading({kind: [v for v, _ in columns] for kind, columns in encoded.items()})
    found: dict[str, list[tuple[list[str], Codes]]] = {}
    for group in groups(list(encoded)):
        for place in range(max(len(encoded.get(kind, ())) for kind in group[0])):
            for name, values, codes in _read_group(group, place, encoded, size, reading):
                found.setdefault(name, []).append((values, codes))
    columns = {name: _together(parts) for name, parts in found.items()}
    return Table(size, {n: c for n, c in columns.items() if c.values}, reading, source)


def _encode(array: pa.Array) -> tuple[list[str], Codes]:
    """Distinct texts, stripped of blanks, and each record's place among them (-1 for null and blank)."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    stripped = pc.utf8_trim_whitespace(array.cast(pa.string()))
    coded = pc.if_else(pc.equal(stripped, ""), None, stripped).dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)


def _read_group(
    group: Group, place: int, encoded: Mapping[str, list[tuple[list[str], Codes]]], size: int, reading: Reading
) -> Iterable[tuple[str, list[str], Codes]]:
    """Reads the distinct combinations of a group's raw values: field, its distinct spellings, codes."""
    kinds, fields, reader = group
    parts = [encoded[kind][place] if place < len(encoded.get(kind, ())) else None for kind in kinds]
    combined = np.zeros(size, dtype=np.int64)
    for part in parts:
        if part is not None:
            combined = combined * (len(part[0]) + 1) + (part[1] + 1)
            if len(parts) > 2:  # the product of three could overflow
                combined = np.unique(combined, return_inverse=True)[1].astype(np.int64)
    if sum(part is not None for part in parts) == 1:
        (only,) = (part for part in parts if part is not None)
        first = np.arange(-1, len(only[0]), dtype=np.int64)
        inverse = only[1].astype(np.int64) + 1
        rows = [[only[0][at] if part is only and at >= 0 else "" for part in parts] for at in first.tolist()]
    else:
        _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
        taken = [None if p is None else [p[0][c] if c >= 0 else "" for c in p[1][first].tolist()] for p in parts]
        rows = [["" if column is None else column[i] for column in taken] for i in range(len(first))]
    read = [reader(row, reading) for row in rows]
    for at, name in enumerate(fields):
        places: dict[str, int] = {}
        junk = set(reading.junk.get(name, ()))
        own = [places.setdefault(v, len(places)) if (v := one[at]) and v not in junk else -1 for one in read]
        yield name, list(places), np.array(own, dtype=np.int32)[inverse]


def _together(parts: list[tuple[list[str], Codes]]) -> Column:
    """One column of several: places that are never both filled are one."""
    if len(parts) == 1:
        return Column(parts[0][0], parts[0][1].reshape(-1, 1))
    places: dict[str, int] = {}
    stacked: list[Codes] = []
    for values, codes in parts:
        if not values:
            continue
        moved = np.array([places.setdefault(value, len(places)) for value in values], dtype=np.int32)
        here = np.where(codes >= 0, moved[codes], -1).astype(np.int32)
        if stacked and not np.any((stacked[-1] >= 0) & (here >= 0)):
            stacked[-1] = np.maximum(stacked[-1], here)
        else:
            stacked.append(here)
    return Column(list(places), np.stack(stacked, axis=1) if stacked else np.zeros((0, 0), dtype=np.int32))


_JANUARY = 5 / 365.25  # five times as many births on the 1st of January as there should be


def find_reading(values: Mapping[str, Sequence[Sequence[str]]]) -> Reading:
    """How the data are written. values: kind -> its columns' distinct raw texts."""
    raw = [value for column in values.get("date_of_birth", ()) for value in column]
    day_first = dates.day_first(raw)
    years = sorted(int(spelt[:4]) for value in raw if (spelt := dates.read(value, day_first=day_first))[:4] > "0000")
    # The last percent are placeholders such as 9999 and slips; a century of two digits must not hang on them.
    likely = [year for year in years if year < 2100]
    latest = likely[min(int(len(likely) * 0.999), len(likely) - 1)] if likely else 2030
    codes: dict[str, int] = {}
    for column in values.get("phone", ()):
        for value in column:
            code = spelling.calling_code(value)
            codes[code] = codes.get(code, 0) + 1
    codes.pop("", None)
    best = max(sorted(codes), key=lambda code: codes[code], default="")
    return Reading(day_first=day_first, latest_year=max(latest, 2030), calling_code=best)
