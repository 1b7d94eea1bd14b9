"""Rejected events as they are kept: sealed under the installation's key for rejections, bound to their row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cdp.vault import keys, sealed
from cdp.vault.aad import aad

KEY = "rejections"


def seal(rejection_id: UUID, payload: Mapping[str, Any]) -> bytes:
    """Seals what a rejection keeps: `event` or `raw` (its bytes on the wire), and the circumstances of its receipt."""
    return sealed.seal(keys.system(KEY), dict(payload), aad=aad("events_rejection", rejection_id, "sealed"))


def unseal(rejection_id: UUID, value: bytes) -> dict[str, Any]:
    """The opposite of `seal`. Raises Unsealable."""
    payload = sealed.unseal(keys.system(KEY), value, aad=aad("events_rejection", rejection_id, "sealed"))
    return dict(payload)
