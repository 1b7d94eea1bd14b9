"""Suppression: identifiers that must not come back. Under a digest key of its own, so that it outlives erasure."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from cdp.vault import blind

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
    """Suppresses digests, in the caller's transaction; returns how many were new. The caller writes the audit entry."""
    given = sorted(_doubly(digests))
    if not given:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into consent_suppression (digest, reason, at) select d, %s, %s from unnest(%s::uuid[]) as t(d) "
            "on conflict do nothing",
            [reason[:40], at, given],
        )
        return int(cursor.rowcount)
