"""PostgreSQL's binary formats, packed whole: arrays for `unnest` and rows for COPY, without an object per value.

Formats: PostgreSQL sources `array_send`, `timestamptz_send`, `date_send`, and the documentation of COPY ("Binary Format").
"""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_HEADER = struct.Struct(">iiIii")
_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
COPY_END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"


def microseconds(moment: datetime) -> int:
    """An aware time as PostgreSQL's timestamptz: microseconds since 2000-01-01 UTC."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def month_days(moment: datetime) -> int:
    """The first day of a time's month (UTC) as PostgreSQL's date: days since 2000-01-01."""
    moment = moment.astimezone(UTC)
    return date(moment.year, moment.month, 1).toordinal() - _EPOCH_DAY


class Packed(bytes):
    """A whole array in binary format; the subclass says of which type."""

    oid: int
    element: int


class Uuids(Packed):
    """uuid[]"""

    oid, element = 2951, 2950


class Byteas(Packed):
    """bytea[]"""

    oid, element = 1001, 17


class Dates(Packed):
    """date[]"""

    oid, element = 1182, 1082


class Moments(Packed):
    """timestamptz[]"""

    oid, element = 1185, 1184


def _fixed(kind: type[Packed], width: int, values: Sequence[bytes]) -> Packed:
    header = _header(kind, len(values))
    return kind(_INT.pack(width).join([header, *values]) if values else header)


def _header(kind: type[Packed], length: int) -> bytes:
    if not length:
        return struct.pack(">iiI", 0, 0, kind.element)
    return _HEADER.pack(1, 0, kind.element, length, 1)


def uuids(values: Sequence[bytes]) -> Packed:
    """uuid[] of 16-byte values."""
    return _fixed(Uuids, 16, values)


def dates(values: Sequence[int]) -> Packed:
    """date[] of days since 2000-01-01."""
    return _fixed(Dates, 4, [_INT.pack(value) for value in values])


def moments(values: Sequence[int]) -> Packed:
    """timestamptz[] of microseconds since 2000-01-01 UTC."""
    return _fixed(Moments, 8, [_LONG.pack(value) for value in values])


def byteas(values: Sequence[bytes]) -> Packed:
    """bytea[]"""
    parts = [_header(Byteas, len(values))]
    for value in values:
        parts += (_INT.pack(len(value)), value)
    return Byteas(b"".join(parts))


def _dumper(kind: type[Packed]) -> type[Dumper]:
    class PackedDumper(Dumper):
        format = Format.BINARY
        oid = kind.oid

        def dump(self, obj: Any) -> Buffer:
            return bytes(obj)

    return PackedDumper


def register(connection: Connection[Any]) -> None:
    """Lets a connection take packed arrays as parameters."""
    for kind in (Uuids, Byteas, Dates, Moments):
        connection.adapters.register_dumper(kind, _dumper(kind))
