"""Files as chunks of rows, never whole in memory: CSV, JSON Lines, Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cdp.connectors.mapping import FileMapping

Chunk = list[tuple[int, dict[str, Any] | None]]  # (row number from 1, the row; None where it cannot be read)


def count(path: Path, mapping: FileMapping) -> int | None:
    """How many rows a file has, for progress: exact for Parquet, lines for the others (a quoted line break counts)."""
    if mapping.format == "parquet":
        import pyarrow.parquet  # slow to load, and every command loads this module

        return int(pyarrow.parquet.ParquetFile(path).metadata.num_rows)
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines - 1) if mapping.format == "csv" else lines


def chunks(path: Path, mapping: FileMapping, *, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Rows after the first `skip`, in chunks of `size`. A row that cannot be read comes as None with its number."""
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


def _csv(path: Path, mapping: FileMapping) -> Iterator[dict[str, Any] | None]:
    with path.open(newline="", encoding=mapping.encoding, errors="replace") as file:
        reader = csv.reader(file, delimiter=mapping.delimiter)
        header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
        for cells in reader:
            if not cells:
                continue
            yield dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None


def _jsonl(path: Path, mapping: FileMapping) -> Iterator[dict[str, Any] | None]:
    decoder = msgspec.json.Decoder()
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                row = None
            yield row if isinstance(row, dict) else None


def _parquet(path: Path, mapping: FileMapping) -> Iterator[dict[str, Any] | None]:
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    for batch in file.iter_batches(batch_size=2000):
        yield from batch.to_pylist()
