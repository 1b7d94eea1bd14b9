"""After a restore: whoever was erased since the backup is erased again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction

from cdp.vault.holders import all_holders
from cdp.vault.journal import Journal
from cdp.vault.routing import VAULT
from consent import suppression

_PAGE = 10_000  # ids looked up in the journal at once
_CHUNK = 500  # records erased in one transaction
_NEXT = "SELECT record_id FROM vault_datakey WHERE record_id > %s ORDER BY record_id LIMIT %s"


@dataclass(frozen=True)
class Replayed:
    """`keys` destroyed again, `rows` deleted with them, `suppressed` identifiers."""

    keys: int
    rows: int
    suppressed: int


def replay(journal: Journal, *, at: datetime) -> Replayed:
    """Suppresses and erases again what the journal says was suppressed and erased. Safe to repeat.

    Suppression first: what waits in the restored inbox must not bring back who is erased in the next step."""
    with transaction.atomic():
        suppressed = suppression.reinstate(journal.suppressed)
    keys = rows = 0
    for ids in _known():
        gone = journal.among(ids)
        for start in range(0, len(gone), _CHUNK):
            chunk = gone[start : start + _CHUNK]
            keys += len(chunk)
            rows += _erase(chunk)
    return Replayed(keys, rows, suppressed)


def _erase(record_ids: list[UUID]) -> int:
    """By every holder, the vault's keys last."""
    with transaction.atomic():
        return sum(holder.erase(record_ids) for holder in all_holders()) - len(record_ids)


def _known() -> Iterator[list[UUID]]:
    last = UUID(int=0)
    while True:
        with connections[VAULT].cursor() as cursor:
            cursor.execute(_NEXT, [last, _PAGE])
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return
        last = ids[-1]
        yield ids
