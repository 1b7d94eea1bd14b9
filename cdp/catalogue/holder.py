"""The catalogue's share: names of undeclared keys, which may be personal data themselves."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from cdp.catalogue.models import Field


class CatalogueHolder:
    """Names are not kept by record: there is nothing to find or export for one. They go when nobody sends them any more."""

    name = "catalogue"
    models = ("catalogue.field",)

    def find(self, record_ids: Iterable[UUID]) -> int:
        """Nothing is kept by record."""
        return 0

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """Nothing is kept by record."""
        yield from ()

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Nothing is kept by record."""
        return 0

    def purge(self, now: datetime) -> int:
        """Undeclared keys that were not seen for as long as residue is kept."""
        before = now - timedelta(days=settings.RESIDUE_DAYS)
        return Field.objects.filter(data_class=Field.DataClass.UNDECLARED, last_seen__lt=before).delete()[0]
