"""What each person agreed to: purposes, notices, and one agreement of every kind (granted, refused, expired,
withdrawn, never asked)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from cdp.demo.mess import chosen


@dataclass(frozen=True)
class Ask:
    """Where a purpose is asked for: the system's column, and what the ledger keeps as the circumstances."""

    purpose: str
    system: str
    notice: str
    channel: str
    method: str
    weights: tuple[tuple[str, float], ...]


ASKS = (
    Ask("marketing_email", "crm", "newsletter-v2", "web", "double_opt_in",
        (("granted", 0.50), ("refused", 0.18), ("withdrawn", 0.13), ("expired", 0.05), ("", 0.14))),
    Ask("marketing_sms", "crm", "sms-v1", "store", "paper_form",
        (("granted", 0.22), ("refused", 0.38), ("withdrawn", 0.06), ("expired", 0.04), ("", 0.30))),
    Ask("personalisation", "loyalty", "card-2024", "store", "application_form",
        (("granted", 0.62), ("refused", 0.14), ("withdrawn", 0.10), ("expired", 0.04), ("", 0.10))),
    Ask("profiling", "loyalty", "card-2024", "store", "application_form",
        (("granted", 0.48), ("refused", 0.27), ("withdrawn", 0.09), ("expired", 0.04), ("", 0.12))),
    Ask("analytics", "loyalty", "card-2024", "store", "application_form",
        (("granted", 0.66), ("refused", 0.16), ("withdrawn", 0.05), ("expired", 0.03), ("", 0.10))),
)  # fmt: skip
WEB_NOTICE = "cookies-v3"
PURPOSES = tuple(ask.purpose for ask in ASKS)
NOTICES = tuple(sorted({ask.notice for ask in ASKS} | {WEB_NOTICE}))


@dataclass(frozen=True)
class Agreement:
    """One answer to one ask. `status` is what was said (granted or denied); what became of it follows from the times."""

    ask: Ask
    status: str
    at: datetime
    withdrawn_at: datetime | None = None
    expires_at: datetime | None = None

    def state(self, at: datetime) -> str:
        """granted, denied, withdrawn or expired at that moment."""
        if self.status == "denied":
            return "denied"
        if self.withdrawn_at is not None and self.withdrawn_at <= at:
            return "withdrawn"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "granted"


def agree(dice: Random, system: str, *, since: datetime, until: datetime) -> dict[str, Agreement]:
    """A person's answers to all that this system asks, between `since` and `until`; a purpose never answered is
    absent."""
    found: dict[str, Agreement] = {}
    for ask in (ask for ask in ASKS if ask.system == system):
        outcome = chosen(dice, ask.weights)
        if outcome:
            found[ask.purpose] = _agreement(dice, ask, outcome, since, until)
    return found


def _agreement(dice: Random, ask: Ask, outcome: str, since: datetime, until: datetime) -> Agreement:
    span = max((until - since).days, 2)
    at = since if dice.random() < 0.6 else since + timedelta(days=dice.randrange(span // 2 + 1))
    if outcome == "withdrawn":
        rest = max((until - at).days, 1)
        return Agreement(ask, "granted", at, withdrawn_at=min(at + timedelta(days=dice.randint(1, rest)), until))
    if outcome == "expired":
        return Agreement(ask, "granted", at, expires_at=at + (until - at) * dice.uniform(0.3, 0.95))
    # Some of the living grants end by themselves after the demo's present: a membership that flips by time alone.
    ends = until + timedelta(days=dice.randint(1, 400)) if outcome == "granted" and dice.random() < 0.15 else None
    return Agreement(ask, "denied" if outcome == "refused" else "granted", at, expires_at=ends)


def columns(purposes: Sequence[str]) -> list[str]:
    """The columns that a file carries for each purpose: answer, when, until when, withdrawn when."""
    return [
        name
        for purpose in purposes
        for name in (purpose, f"{purpose}_at", f"{purpose}_until", f"{purpose}_withdrawn_at")
    ]


def mapping(system: str) -> list[dict[str, object]]:
    """The `consents` part of the system's declared mapping."""
    return [
        {
            "purpose": ask.purpose, "status": ask.purpose, "granted_values": ["yes", "1", "Y"],
            "denied_values": ["no", "0", "N"],
            "at": f"{ask.purpose}_at", "withdrawn_at": f"{ask.purpose}_withdrawn_at",
            "expires_at": f"{ask.purpose}_until", "notice": ask.notice, "method": ask.method, "channel": ask.channel,
        }
        for ask in ASKS
        if ask.system == system
    ]  # fmt: skip
