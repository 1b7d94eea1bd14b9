"""This room's share of a person: facts of events of the last moments, until memberships have followed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.outbox.models import Happening


class Happenings:
    """Holder of happenings. Every one of them is a copy of a stored event, which the room of events exports."""

    name = "outbox"
    models = ("outbox.happening",)

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many wait of these records."""
        return Happening.objects.filter(record_id__in=list(record_ids)).count()

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """Nothing that is not exported with the events."""
        return iter(())

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes what waits of these records."""
        return Happening.objects.filter(record_id__in=list(record_ids)).delete()[0]

    def purge(self, now: datetime) -> int:
        """Nothing outlives its use: it is deleted by whoever drains it."""
        return 0
