"""Rejections offered once more, through the same door: after a limit was raised, a fault mended, a key restored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from cdp import audit
from cdp.events import residue
from cdp.events.accept import Receipt, accept
from cdp.events.models import Rejection
from cdp.sources import lookup
from cdp.vault import keys
from cdp.vault.aad import aad
from cdp.vault.keys import Unsealable

LIMIT = 500


@dataclass
class Replayed:
    """How many rejections were offered again, how many of those were taken (or were there already), and which could
    not be: with the reason."""

    offered: int = 0
    taken: int = 0
    duplicates: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)


@transaction.atomic
def replay(rejection_ids: Iterable[UUID], *, by: audit.Actor, at: datetime) -> Replayed:
    """Offers rejections again, each with the time at which it was received, and marks them as replayed.

    One that is rejected anew gets a new rejection; the old one stays until it expires. Those replayed before, expired or
    unknown are left out. Raises Overloaded (then some may have been taken: offered again, they count as duplicates)."""
    rows = list(
        Rejection.objects.select_for_update(skip_locked=True)
        .filter(id__in=list(rejection_ids)[:LIMIT], replayed_at=None, expires_at__gt=at)
        .order_by("id")
    )
    sources = lookup.load({row.source_id for row in rows})
    result = Replayed()
    done: list[UUID] = []
    for row in rows:
        source = sources.get(row.source_id)
        if source is None:
            result.refused[row.id] = "unknown_source"
            continue
        try:
            event, circumstances = opened(row)
        except Unsealable:
            result.refused[row.id] = "unreadable"
            continue
        _count(result, row.id, accept(source, [event], **circumstances))
        done.append(row.id)
    Rejection.objects.filter(id__in=done).update(replayed_at=at)
    if rows:
        details = {"offered": result.offered, "taken": result.taken, "refused": len(result.refused)}
        audit.record("rejection.replay", by=by, object=("rejection", ""), rows=len(rows), details=details)
    return result


def _count(result: Replayed, rejection_id: UUID, receipt: Receipt) -> None:
    result.offered += 1
    result.duplicates += receipt.duplicates
    if receipt.rejected:
        result.refused[rejection_id] = receipt.rejected[0].reason
    else:
        result.taken += 1


def opened(row: Rejection) -> tuple[Any, dict[str, Any]]:
    """What was offered, and the circumstances, as arguments of `accept`. Raises Unsealable."""
    payload = residue.unseal(row.id, bytes(row.sealed))
    received_at = datetime.fromisoformat(payload["received_at"])
    if "inbox" in payload:
        message = UUID(hex=payload["message"])
        key = keys.inbox(received_at.astimezone(UTC).date())
        packed = key.open(payload["inbox"], aad=aad("events_inbox", message, "sealed"))
        return msgspec.msgpack.decode(packed)[1], {"received_at": received_at}
    circumstances = {name: payload.get(name) for name in ("sent_at", "kind", "context", "integrations")}
    event = payload["event"] if "event" in payload else payload["raw"]
    return event, {"received_at": received_at, "gpc": bool(payload.get("gpc")), **circumstances}
