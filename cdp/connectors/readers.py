"""Files as chunks of rows, never whole in memory: CSV, JSON Lines, Parquet."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cdp.connectors.mapping import FileMapping, MappingError, RowProblem

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

Read = dict[str, Any] | RowProblem  # a row, or why it cannot be read
Chunk = list[tuple[int, Read]]  # with the row number, from 1

_BOM = b"\xef\xbb\xbf"
_UNDECODED = re.compile(
    "[\udc80-\udcff]"
)  # what Python's "surrogateescape" makes of bytes that are not of the encoding


def count(path: Path, mapping: FileMapping) -> int | None:
    """How many rows a file has, for progress: exact for Parquet, lines for the others (a quoted line break counts)."""
    if mapping.format == "parquet":
        return int(_open_parquet(path).metadata.num_rows)
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines - 1) if mapping.format == "csv" else lines


def header(path: Path, mapping: FileMapping) -> list[str]:
    """The names of the columns of a CSV or Parquet file. Raises MappingError when it is no such file."""
    if mapping.format == "parquet":
        return list(_open_parquet(path).schema_arrow.names)
    with path.open(newline="", encoding=mapping.encoding, errors="surrogateescape") as file:
        try:
            return _names(next(csv.reader(file, delimiter=mapping.delimiter), []))
        except csv.Error:
            raise MappingError("mapping: `format` is csv, but the first line of the file is no header") from None


def chunks(path: Path, mapping: FileMapping, *, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Rows after the first `skip`, in chunks of `size`. `encoding` and `delimiter` of the mapping are settled."""
    rows = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[mapping.format](path, mapping)
    chunk: Chunk = []
    for number, row in enumerate(rows, start=1):
        if number <= skip:
            continue
        chunk.append((number, row))
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _names(cells: list[str]) -> list[str]:
    return [name.strip().lstrip("\ufeff") for name in cells]


def _csv(path: Path, mapping: FileMapping) -> Iterator[Read]:
    wanted = {column for _, column in mapping.columns}
    with path.open(newline="", encoding=mapping.encoding, errors="surrogateescape") as file:
        reader = csv.reader(file, delimiter=mapping.delimiter)
        names = _names(next(reader, []))
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a cell beyond the limit of the csv module
                yield RowProblem("unreadable_row")
                continue
            if cells:
                yield _row(names, cells, wanted)


def _row(names: list[str], cells: list[str], wanted: set[str]) -> Read:
    if len(cells) != len(names):
        return RowProblem("unreadable_row")
    row = dict(zip(names, cells, strict=True))
    if not all(map(str.isascii, cells)):
        for name in names:
            if name in wanted and _UNDECODED.search(row[name]):
                return RowProblem("wrong_encoding", name)
    return row


def _jsonl(path: Path, mapping: FileMapping) -> Iterator[Read]:
    decoder = msgspec.json.Decoder()
    with path.open("rb") as file:
        for number, line in enumerate(file):
            text = line.removeprefix(_BOM) if number == 0 else line
            if text.strip():
                yield _object(text, decoder)


def _object(line: bytes, decoder: msgspec.json.Decoder[Any]) -> Read:
    try:
        row = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return RowProblem("unreadable_row" if _is_utf8(line) else "wrong_encoding")
    return row if isinstance(row, dict) else RowProblem("unreadable_row")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet(path: Path, mapping: FileMapping) -> Iterator[Read]:
    for batch in _open_parquet(path).iter_batches(batch_size=2000):
        yield from batch.to_pylist()


def _open_parquet(path: Path) -> "ParquetFile":
    """Raises MappingError when it is no Parquet file."""
    import pyarrow  # slow to load, and every command loads this module
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid:
        raise MappingError("mapping: `format` is parquet, but the file is not Parquet") from None
