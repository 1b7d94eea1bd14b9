"""Access's share: answers that are kept for a day for whoever sends a change again."""

from datetime import datetime

from cdp.access.models import KeptAnswer
from cdp.vault.holders import ByNobody


class Answers(ByNobody):
    """An answer is sealed and found by its caller's key alone, so there is none to find by record. It goes after a day,
    well within the month that erasure allows."""

    name = "answers"
    models = ("access.keptanswer",)

    def purge(self, now: datetime) -> int:
        """Answers whose day is over."""
        return KeptAnswer.objects.filter(expires_at__lte=now).delete()[0]
