"""Files of people (or of anything) for `manage.py link`: read by a schema, with errors that name column, row and remedy;
written."""

import codecs
import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from identity.matching.labels import Decisions
from identity.matching.prepare import KINDS

_SAMPLE = 64 * 1024
_DELIMITERS = ",;\t|"
_YES, _NO = {"1", "true", "yes", "y", "same", "match"}, {"0", "false", "no", "n", "different", "non-match"}


class Unusable(ValueError):
    """A file that cannot be used; says what is wrong, where, and what to do."""


@dataclass(slots=True)
class Records:
    """A file's records, sorted by id, so that the order of its rows does not matter. order: each sorted record's row in the
    file."""

    ids: list[str]
    raw: list[tuple[str, pa.Array]]
    order: np.ndarray[Any, np.dtype[np.int64]]


def read_schema(path: Path) -> dict[str, str]:
    """Column -> kind. Raises Unusable."""
    try:
        columns = json.loads(path.read_text(encoding="utf-8-sig")).get("columns")
    except OSError as error:
        raise Unusable(f"cannot read the schema {path}: {error.strerror}") from None
    except (ValueError, AttributeError):
        raise Unusable(f'the schema {path} is not JSON of the form {{"columns": {{"column": "kind"}}}}') from None
    if not isinstance(columns, dict) or not all(isinstance(kind, str) for kind in columns.values()):
        raise Unusable(f'the schema {path} must have the form {{"columns": {{"column": "kind"}}}}')
    for column, kind in columns.items():
        if kind not in KINDS:
            raise Unusable(f"column {column!r}: there is no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    ids = [column for column, kind in columns.items() if kind == "id"]
    if len(ids) != 1:
        raise Unusable(
            f"the schema must have exactly one column of kind id; it has {len(ids)}{': ' + ', '.join(ids) if ids else ''}"
        )
    if not any(kind not in ("id", "source") for kind in columns.values()):
        raise Unusable("the schema names no column to compare: give at least one a kind such as full_name or email")
    return columns


def read_records(path: Path, schema: Mapping[str, str]) -> Records:
    """Reads a CSV (any usual delimiter and encoding), Parquet or JSON Lines file. Raises Unusable."""
    try:
        if not path.stat().st_size:
            raise Unusable(f"{path} is empty: it needs a header line and records")
        table = _read(path, list(schema))
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror or 'not a readable file of its kind'}") from None
    for column in schema:
        if column not in table.column_names:
            there = ", ".join(table.column_names[:30])
            raise Unusable(f"{path} has no column {column!r} that the schema names; its columns are: {there}")
    if not table.num_rows:
        raise Unusable(f"{path} has a header but no records")
    (named,) = (column for column, kind in schema.items() if kind == "id")
    ids = pc.utf8_trim_whitespace(_text(table[named]))
    _check_ids(named, ids)
    order = pc.sort_indices(ids)
    raw = [
        (f"other:{column}" if kind == "other" else kind, _text(table[column]).take(order))
        for column, kind in schema.items()
        if kind != "id"
    ]
    return Records(ids.take(order).to_pylist(), raw, order.to_numpy().astype(np.int64))


def _text(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_nested(array.type) or pa.types.is_binary(array.type):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
    return array.cast(pa.string())


def _check_ids(column: str, ids: pa.Array) -> None:
    empty = pc.fill_null(pc.equal(ids, ""), True)
    if pc.any(empty).as_py():
        row = pc.index(empty, True).as_py() + 1
        count = pc.sum(empty).as_py()
        raise Unusable(
            f"column {column!r}: record {row} has no id ({count} in all have none); every record needs one of its own"
        )
    if pc.count_distinct(ids).as_py() < len(ids):
        seen: dict[str, int] = {}
        for row, one in enumerate(ids.to_pylist(), start=1):
            first = seen.setdefault(one, row)
            if first != row:
                raise Unusable(
                    f"column {column!r}: records {first} and {row} have the same id; ids must be unique, so number the rows"
                )


def _read(path: Path, columns: list[str]) -> pa.Table:
    kind = path.suffix.lower()
    try:
        if kind in (".parquet", ".pq"):
            there = pyarrow.parquet.read_schema(path).names
            return pyarrow.parquet.read_table(path, columns=[c for c in columns if c in there] or there[:1])
        if kind in (".jsonl", ".ndjson", ".json"):
            return pyarrow.json.read_json(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        remedy = (
            "one JSON object a line, each key with one type" if kind.startswith((".js", ".nd")) else "a Parquet file"
        )
        raise Unusable(f"{path} cannot be read as {kind[1:]}: it must be {remedy}") from None
    return _read_csv(path, columns)


def _read_csv(path: Path, columns: list[str]) -> pa.Table:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            sample = file.read(_SAMPLE)
        except UnicodeDecodeError:
            raise Unusable(f"{path} is not text in {encoding}: save it as UTF-8") from None
    first = sample.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=lambda one: (first.count(one), -_DELIMITERS.index(one)))
    header = next(csv.reader([first.rstrip("\r")], delimiter=delimiter), [])
    twice = [name for name in header if header.count(name) > 1 and name in columns]
    if twice:
        raise Unusable(f"{path} has the column {twice[0]!r} more than once: rename one of them")
    wanted = [name for name in columns if name in header]
    quoted = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values='"' in sample)
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        include_columns=wanted or header,
        strings_can_be_null=True,
        null_values=[""],
    )
    try:
        return pa.csv.read_csv(path, pa.csv.ReadOptions(encoding=encoding), quoted, convert)
    except UnicodeDecodeError:
        raise Unusable(f"{path} is not text in {encoding}: save it as UTF-8") from None
    except pa.ArrowInvalid as error:
        raise _explained(path, encoding, delimiter, len(header), str(error)) from None


def _explained(path: Path, encoding: str, delimiter: str, width: int, why: str) -> Unusable:
    """What is wrong, without the row's values."""
    if "UTF8" in why or "utf-8" in why.lower():
        return Unusable(f"{path} is not text in {encoding}: save it as UTF-8")
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        for row, values in enumerate(csv.reader(file, delimiter=delimiter)):
            if values and len(values) != width:
                return Unusable(f"{path}: record {row} has {len(values)} values, the header has {width} columns: "
                                f"quote values that hold {delimiter!r} or line breaks")  # fmt: skip
    return Unusable(f"{path} cannot be read as CSV with the delimiter {delimiter!r}")


def _encoding(path: Path) -> str:
    """By its mark; else UTF-8 if the file is that throughout, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(4)
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if head.startswith(mark):
                return name
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(1 << 22):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def read_decisions(path: Path, records: Records) -> Decisions:
    """Reads decided pairs: CSV with the columns left, right (ids) and match (yes/no, 1/0). Raises Unusable."""
    at = {one: row for row, one in enumerate(records.ids)}
    left: list[int] = []
    right: list[int] = []
    same: list[bool] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"left", "right", "match"} <= set(reader.fieldnames or ()):
                raise Unusable(f"{path} must have the columns left, right and match")
            for number, row in enumerate(reader, start=1):
                answer = (row["match"] or "").strip().lower()
                if answer not in _YES | _NO:
                    raise Unusable(f"{path}: record {number}, column match: must be yes or no (or 1 or 0)")
                for side, rows in (("left", left), ("right", right)):
                    one = (row[side] or "").strip()
                    if one not in at:
                        raise Unusable(f"{path}: record {number}, column {side}: the file of records has no such id")
                    rows.append(at[one])
                same.append(answer in _YES)
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{path} is not UTF-8 text: save it as UTF-8") from None
    return Decisions(np.array(left, dtype=np.int64), np.array(right, dtype=np.int64), np.array(same, dtype=bool))


def write_clusters(path: Path, records: Records, cluster: np.ndarray[Any, np.dtype[np.int64]], certainty: Any) -> None:
    """Writes id, cluster_id (the smallest id in it) and probability, in the order of the file that was read. Raises
    Unusable."""
    back = np.empty(len(cluster), dtype=np.int64)
    back[records.order] = np.arange(len(cluster))
    ids = pa.array(records.ids)
    table = pa.table({
        "id": ids.take(pa.array(back)),
        "cluster_id": ids.take(pa.array(cluster[back])),
        "probability": pa.array(np.round(certainty[back], 4)),
    })  # fmt: skip
    try:
        pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="needed"))
    except OSError as error:
        raise Unusable(f"cannot write {path}: {error.strerror or 'is its directory there?'}") from None
