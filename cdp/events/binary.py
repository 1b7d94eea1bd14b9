"""PostgreSQL's binary formats, packed whole: arrays for `unnest` and rows for COPY, without an object per value.

Formats: PostgreSQL sources `array_send`, `timestamptz_send`, `date_send`, and the documentation of COPY ("Binary Format").
"""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_BYTEA, _BIGINT, _TEXT, _DATE, _TIMESTAMPTZ, _UUID = 17, 20, 25, 1082, 1184, 2950  # pg_type.dat
_HEADER = struct.Struct(">iiIii")
_SHORT = struct.Struct(">h")
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


def uuids(values: Sequence[bytes]) -> bytes:
    """uuid[] of 16-byte values."""
    return _fixed(_UUID, 16, values)


def dates(values: Sequence[int]) -> bytes:
    """date[] of days since 2000-01-01."""
    return _fixed(_DATE, 4, [_INT.pack(value) for value in values])


def moments(values: Sequence[int]) -> bytes:
    """timestamptz[] of microseconds since 2000-01-01 UTC."""
    return _fixed(_TIMESTAMPTZ, 8, [_LONG.pack(value) for value in values])


def longs(values: Sequence[int]) -> bytes:
    """bigint[]"""
    return _fixed(_BIGINT, 8, [_LONG.pack(value) for value in values])


def byteas(values: Sequence[bytes]) -> bytes:
    """bytea[]"""
    return _varying(_BYTEA, values)


def texts(values: Sequence[str]) -> bytes:
    """text[]"""
    return _varying(_TEXT, [value.encode() for value in values])


def integer(value: int) -> bytes:
    """integer"""
    return _INT.pack(value)


def smallint(value: int) -> bytes:
    """smallint"""
    return _SHORT.pack(value)


def _fixed(element: int, width: int, values: Sequence[bytes]) -> bytes:
    header = _header(element, len(values))
    return _INT.pack(width).join([header, *values]) if values else header


def _varying(element: int, values: Sequence[bytes]) -> bytes:
    parts = [_header(element, len(values))]
    for value in values:
        parts += (_INT.pack(len(value)), value)
    return b"".join(parts)


def _header(element: int, length: int) -> bytes:
    if not length:
        return struct.pack(">iiI", 0, 0, element)
    return _HEADER.pack(1, 0, element, length, 1)
