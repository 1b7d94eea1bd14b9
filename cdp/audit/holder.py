"""The trail's own share: entries about a person, found by commitment."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.audit.models import Entry
from cdp.vault import keys


class Trail:
    """Holder of the audit trail. It names people by commitments only, which die with their keys."""

    name = "audit"
    models = ("audit.entry", "audit.pending")

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many entries of the log are about these records."""
        return int(self._about(record_ids).count())

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """What was done with the person's data, when and for what (CJEU C-579/21: not which employee did it)."""
        names = ("at", "action", "actor_kind", "role", "fields", "purpose", "basis", "outcome")
        for row in self._about(record_ids).order_by("sequence").values(*names).iterator():
            yield row | {"at": row["at"].isoformat()}

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Nothing to delete: with the records' keys gone, no entry can be told to be about them."""
        return 0

    def purge(self, now: datetime) -> int:
        """Nothing: the log is append-only."""
        return 0

    def _about(self, record_ids: Iterable[UUID]) -> Any:
        # Only ids that have a key: the others' commitments have the installation's salt, and are nobody's records.
        held = list(keys.load(record_ids))
        return Entry.objects.filter(subjects__overlap=keys.commitments(held)) if held else Entry.objects.none()
