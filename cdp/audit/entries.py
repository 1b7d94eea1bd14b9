"""Writing an audit entry, in the transaction of what it tells of: neither exists without the other."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cdp.database.together import execute
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad

OUTCOMES = frozenset({"success", "denied", "error"})


@dataclass(frozen=True)
class Actor:
    """Who acts: a person ("user"), an API key ("key") or the installation itself ("system"); ids, never names."""

    kind: str
    id: str
    role: str = ""
    on_behalf_of: str = ""


SYSTEM = Actor("system", "pipeline")

_INSERT = "INSERT INTO audit_pending (entry, sealed) VALUES (%s::jsonb, %s)"


def record(
    action: str,
    *,
    by: Actor,
    object: tuple[str, object] = ("", ""),
    subjects: Iterable[UUID] = (),
    fields: Iterable[str] = (),
    purpose: str = "",
    basis: str = "",
    reason: str | None = None,
    outcome: str = "success",
    rows: int = 1,
    details: Mapping[str, Any] | None = None,
    request_id: str = "",
    client: str = "",
) -> None:
    """One entry, in the caller's transaction. `action` is room.verb, `object` its type and id, `details` counts, ids.

    `subjects` are record ids (profile ids where no record is known); they are stored as commitments (see
    `cdp.vault.keys.commitments`). `reason` is free text and is sealed. `fields` are names that the catalogue declares,
    no keys as they came from outside. Raises ValueError for an unknown outcome.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"the outcome is one of {', '.join(sorted(OUTCOMES))}")
    entry_id = uuid7()
    entry = {
        "entry_id": str(entry_id),
        "actor_kind": by.kind,
        "actor_id": by.id,
        "role": by.role,
        "on_behalf_of": by.on_behalf_of,
        "action": action,
        "object_type": object[0],
        "object_id": str(object[1]),
        "subjects": [commitment.hex() for commitment in keys.commitments(list(dict.fromkeys(subjects)))],
        "fields": list(fields),
        "purpose": purpose,
        "basis": basis,
        "outcome": outcome,
        "rows": rows,
        "request_id": request_id,
        "client": client,
        "details": dict(details or {}),
    }
    sealed = None
    if reason is not None:
        sealed = keys.system("audit").seal(reason.encode(), aad=_place(entry_id))
    execute(_INSERT, [json.dumps(entry), sealed])


def open_reason(entry_id: UUID, sealed: bytes) -> str:
    """The free-text reason of an entry, for those who may see it. Raises Unsealable."""
    return keys.system("audit").open(sealed, aad=_place(entry_id)).decode()


def _place(entry_id: UUID) -> bytes:
    return aad("audit_entry", entry_id, "reason_sealed")
