"""The catalogue's share: names of undeclared keys, which may be personal data themselves."""

from datetime import datetime, timedelta

from django.conf import settings

from cdp.catalogue.models import Field
from cdp.vault.holders import ByNobody


class CatalogueHolder(ByNobody):
    """Names are not kept by record: there is nothing to find or export for one. They go when nobody sends them any more."""

    name = "catalogue"
    models = ("catalogue.field",)

    def purge(self, now: datetime) -> int:
        """Undeclared keys that were not seen for as long as residue is kept."""
        before = now - timedelta(days=settings.RESIDUE_DAYS)
        return Field.objects.filter(data_class=Field.DataClass.UNDECLARED, last_seen__lt=before).delete()[0]
