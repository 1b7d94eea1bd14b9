"""Access's share: answers that are kept for a day for whoever sends a change again."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.access.models import KeptAnswer


class Answers:
    """An answer is sealed and found by its caller's key alone, so there is none to find by record. It goes after a day,
    well within the month that erasure allows."""

    name = "answers"
    models = ("access.keptanswer",)

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
        """Answers whose day is over."""
        return KeptAnswer.objects.filter(expires_at__lte=now).delete()[0]
