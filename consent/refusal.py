"""What a door answers where a person's consents do not permit what was asked."""

from cdp.access.problems import Problem
from consent.rules import Decision


class NotPermitted(Problem):
    """403: the person's consents do not permit the reader's purpose. Says why, and nothing of the person."""

    def __init__(self, purpose: str, decision: Decision) -> None:
        super().__init__(
            403,
            "not_permitted",
            "This person may not be read for this purpose",
            decision.because,
            remedy="See the person's consents; read for a purpose that is permitted, or not at all.",
        )
        self.purpose, self.decision = purpose, decision

    @property
    def brief(self) -> dict[str, str]:
        """As one of many results."""
        return {"code": self.code, "detail": self.decision.because}
