"""A file is looked at before its first row is taken: can it be read as its mapping says, does it have what the mapping names?

What would otherwise become two hundred rejected rows, or wrong letters in names, is said here in one sentence.
"""

import codecs
import csv
import difflib
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from cdp.connectors.mapping import FileMapping, MappingError
from cdp.connectors.readers import chunks, header

_BLOCK = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 50  # rows from which the delimiter is told
_MOST_NAMED = 60  # columns listed in a message
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def examine(path: Path, mapping: FileMapping) -> tuple[FileMapping, list[str]]:
    """The mapping with encoding and delimiter settled, and notes for who imports. Reads the whole file, in blocks.

    Raises MappingError when the file cannot be meant, OSError when it cannot be read."""
    if mapping.format == "csv":
        mapping = msgspec.structs.replace(mapping, encoding=_encoding(path, mapping))
        mapping = msgspec.structs.replace(mapping, delimiter=mapping.delimiter or likely_delimiter(path, mapping))
    if mapping.format == "jsonl":
        return mapping, list(_never_said(path, mapping))
    _check_columns(path, mapping)
    return mapping, []


def _encoding(path: Path, mapping: FileMapping) -> str:
    """The encoding of a CSV file: by its byte order mark, as stated, or UTF-8. Raises MappingError when it is another."""
    if not mapping.encoding:
        with path.open("rb") as file:
            start = file.read(4)
        marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")
        line, _ = _misread(path, marked, "strict")
        if line:
            raise MappingError(
                f"mapping: line {line} of the file is not {marked.upper().removesuffix('-SIG')}: set `encoding`. Files of"
                ' Excel on Windows are mostly "cp1252". With "utf-8", stated, only the rows that are not are left out'
            )
        return marked
    line, _ = _misread(path, mapping.encoding, "surrogateescape")
    if line:
        raise MappingError(
            f"mapping: line {line} of the file is not of the encoding {mapping.encoding}: see `encoding`"
        )
    if not codecs.lookup(mapping.encoding).name.startswith("utf"):
        line, plain = _misread(path, "utf-8", "strict")
        if not line and not plain:
            raise MappingError(
                f"mapping: the file is UTF-8, `encoding` says {mapping.encoding}: names would be misread. Leave `encoding` out"
            )
    return mapping.encoding


def _misread(path: Path, encoding: str, errors: str) -> tuple[int, bool]:
    """The first line that is not of the encoding (0: none), and whether all before it is ASCII."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    lines, plain = 0, True
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return lines + error.object[: error.start].count(b"\n") + 1, plain
            except UnicodeError:
                return lines + 1, plain
            if not block:
                return 0, plain
            lines += block.count(b"\n")
            plain = plain and block.isascii()


def likely_delimiter(path: Path, mapping: FileMapping) -> str:
    """The sign that splits the header and the first rows into the same number of cells, most evenly and most finely."""
    best, found = (0.0, 1), ","
    for sign in _DELIMITERS:
        with path.open(newline="", encoding=mapping.encoding, errors="surrogateescape") as file:
            rows = _sample(file, sign)
        widths = Counter(len(cells) for cells in rows)
        columns = len(rows[0]) if rows else 0
        if columns > 1 and (widths[columns] / len(rows), columns) > best:
            best, found = (widths[columns] / len(rows), columns), sign
    return found


def _sample(lines: Iterator[str], sign: str) -> list[list[str]]:
    try:
        return list(islice((cells for cells in csv.reader(lines, delimiter=sign) if cells), _LOOKED_AT))
    except csv.Error:
        return []


def _check_columns(path: Path, mapping: FileMapping) -> None:
    """Raises MappingError for the first column that the file does not have, or has twice."""
    there = header(path, mapping)
    for key, column in mapping.columns:
        if column not in there:
            raise MappingError(f"mapping: `{key}` names the column {column}, which the file lacks.{_instead(column, there)}"
                               f"{_split_otherwise(path, mapping, there)}")  # fmt: skip
        if there.count(column) > 1:
            raise MappingError(
                f"mapping: `{key}` names the column {column}, which the file has twice: name one otherwise"
            )


def _instead(column: str, there: Collection[str]) -> str:
    folded = {name.casefold(): name for name in reversed(list(there))}
    near = difflib.get_close_matches(column.casefold(), folded, n=3, cutoff=0.6)
    question = f" Is it {' or '.join(folded[name] for name in near)}?" if near else ""
    listed = ", ".join(list(there)[:_MOST_NAMED]) + (", …" if len(there) > _MOST_NAMED else "")
    return f"{question} Its columns: {listed}" if there else " It is empty"


def _split_otherwise(path: Path, mapping: FileMapping, there: Collection[str]) -> str:
    """A word on the delimiter, where the header is one column and another sign would split it."""
    if mapping.format != "csv" or len(there) != 1:
        return ""
    other = likely_delimiter(path, mapping)
    named = "\\t" if other == "\t" else other
    return f'. The header has one column: try "delimiter": "{named}"' if other != mapping.delimiter else ""


def _never_said(path: Path, mapping: FileMapping) -> Iterator[str]:
    """Notes on names that no line of a JSON Lines file has. They are not refused: a line may leave out what it does not know."""
    missing = {column: key for key, column in reversed(mapping.columns)}
    for chunk in chunks(path, mapping, size=1000):
        for _, row in chunk:
            if isinstance(row, dict):
                for column in missing.keys() & row.keys():
                    del missing[column]
        if not missing:
            return
    for column, key in missing.items():
        yield f"`{key}` names {column}, which no line of the file has"
