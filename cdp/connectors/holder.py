"""What this room keeps of people: names of files, sealed, for a while."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from cdp.connectors.models import RowError, Run


class Runs:
    """Holder of runs. A file's name may name a person and cannot be found by record: it is sealed and expires."""

    name = "connectors"
    models = ("connectors.run",)

    def find(self, record_ids: Iterable[UUID]) -> int:
        """Nothing here is kept by record."""
        return 0

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """Nothing here is kept by record."""
        yield from ()

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Nothing here is kept by record."""
        return 0

    def purge(self, now: datetime) -> int:
        """Drops names of files and reports of rows after RESIDUE_DAYS; the counts of the run stay."""
        before = now - timedelta(days=settings.RESIDUE_DAYS)
        RowError.objects.filter(run__finished_at__lt=before).delete()
        return Run.objects.filter(finished_at__lt=before).exclude(label_sealed=b"").update(label_sealed=b"")
