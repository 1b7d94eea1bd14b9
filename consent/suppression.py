"""Suppression: identifiers that must not come back. Under a digest key of its own, so that it outlives erasure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from cdp.vault import blind, journal

_KIND = "suppression"


def _doubly(digests: Iterable[UUID]) -> dict[UUID, UUID]:
    """Suppression digest -> digest."""
    given = list(digests)
    return dict(zip(blind.index_many(_KIND, [digest.hex for digest in given]), given, strict=True))


def suppressed(digests: Iterable[UUID]) -> set[UUID]:
    """Those of the digests that are suppressed. One query."""
    given = _doubly(digests)
    if not given:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("select digest from consent_suppression where digest = any(%s::uuid[])", [list(given)])
        return {given[digest] for (digest,) in cursor.fetchall()}


def suppress(digests: Iterable[UUID], *, reason: str, at: datetime) -> int:
    """Suppresses digests, in the caller's transaction; returns how many were new. The caller writes the audit entry.

    First it is written into the erasure journal; raises JournalError when it cannot."""
    given = sorted(_doubly(digests))
    journal.suppressed(given, reason=reason[:40], at=at)
    return _insert(dict.fromkeys(given, (reason[:40], at)))


def reinstate(rows: Mapping[UUID, tuple[str, datetime]]) -> int:
    """Suppresses what the erasure journal says was suppressed (digest as stored -> reason, time), in the caller's
    transaction; returns how many were not there."""
    return _insert(rows)


def _insert(rows: Mapping[UUID, tuple[str, datetime]]) -> int:
    if not rows:
        return 0
    reasons, times = [reason for reason, _ in rows.values()], [at for _, at in rows.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into consent_suppression (digest, reason, at) "
            "select * from unnest(%s::uuid[], %s::text[], %s::timestamptz[]) on conflict do nothing",
            [list(rows), reasons, times],
        )
        return int(cursor.rowcount)
