"""What this room keeps of people: names of files, sealed, for a while."""

from datetime import datetime, timedelta

from django.conf import settings

from cdp.connectors.models import RowError, Run
from cdp.vault.holders import ByNobody


class Runs(ByNobody):
    """Holder of runs. A file's name may name a person and cannot be found by record: it is sealed and expires."""

    name = "connectors"
    models = ("connectors.run",)

    def purge(self, now: datetime) -> int:
        """Drops names of files and reports of rows after RESIDUE_DAYS; the counts of the run stay."""
        before = now - timedelta(days=settings.RESIDUE_DAYS)
        RowError.objects.filter(run__finished_at__lt=before).delete()
        return Run.objects.filter(finished_at__lt=before).exclude(label_sealed=b"").update(label_sealed=b"")
