"""The vault's own share: the records' wrapped keys, and the inbox keys of days long past."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from cdp.vault import keys
from cdp.vault.routing import VAULT


class Keys:
    """Holder of the record keys. A key says nothing of the person: there is nothing to export."""

    name = "vault"
    models = ("vault.datakey", "vault.systemkey")

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many of the records have a key."""
        with connections[VAULT].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM vault_datakey WHERE record_id = ANY(%s)", [list(record_ids)])
            return int(cursor.fetchone()[0])

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """Nothing: a copy of a key would outlive its erasure."""
        yield from ()

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Destroys the keys; commits in the vault at once, so it comes after all other holders."""
        return keys.destroy(record_ids)

    def purge(self, now: datetime) -> int:
        """Nothing by age alone: the inbox destroys its day's key when it is empty, an epoch's end sweeps the rest."""
        return 0
