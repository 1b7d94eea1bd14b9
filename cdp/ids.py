"""Opaque identifiers: UUID version 7 (RFC 9562, section 5.7), ordered by time so that indexes stay dense."""

import os
import time
from uuid import UUID

_FIXED = (0xF << 76) | (0x3 << 62)
_VERSION_AND_VARIANT = (0x7 << 76) | (0x2 << 62)


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[UUID]:
    """Many new ones, all of this millisecond, in no order among themselves."""
    milliseconds = (time.time_ns() // 1_000_000 << 80) | _VERSION_AND_VARIANT
    random, number = os.urandom(10 * count), int.from_bytes
    return [UUID(int=milliseconds | number(random[at : at + 10], "big") & ~_FIXED) for at in range(0, 10 * count, 10)]
