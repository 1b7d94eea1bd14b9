"""Short ways to send group calls through the pipeline, and to look at what came of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cdp.catalogue import snapshot
from cdp.events.accept import accept
from cdp.groups import reads
from cdp.groups.models import Group, Member
from cdp.groups.observe import Statement, observe
from cdp.pipeline.batch import run_batch
from cdp.pipeline.uptodate import bring_up_to_date
from cdp.sources.lookup import SourceInfo

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def group(user: str, name: str, /, *, minute: int = 0, message: str = "", **traits: Any) -> dict[str, Any]:
    """A group call as an SDK sends it, `minute` minutes past noon."""
    at = (NOW + timedelta(minutes=minute)).isoformat()
    told = message or f"g-{user}-{name}-{minute}-{sorted(traits)}"[:100]
    return {
        "type": "group", "userId": user, "groupId": name, "messageId": told, "timestamp": at, "traits": traits,
    }  # fmt: skip


def send(source: SourceInfo, *events: dict[str, Any]) -> dict[str, int]:
    """Accepts events and runs the pipeline until nothing waits; the outcomes."""
    later = NOW + timedelta(days=1)
    accept(source, list(events), received_at=later)
    total: dict[str, int] = {}
    while (result := run_batch(500, now=later, slot=1)).claimed:
        for outcome, n in result.outcomes.items():
            total[outcome] = total.get(outcome, 0) + n
    while bring_up_to_date(500, now=later):
        pass
    return total


def say(record: UUID, source: UUID, name: str, /, *, minute: int = 0, space: str = "main", **traits: Any) -> Statement:
    """A statement, split by the catalogue."""
    split = snapshot.current().split("group", traits)
    return Statement(
        record, source, space, name, split.facts, split.sealed, occurred_at=NOW + timedelta(minutes=minute)
    )


def see(*statements: Statement) -> int:
    """Takes them up in one call."""
    return observe(list(statements), at=NOW + timedelta(days=1))


def picture() -> dict[str, Any]:
    """All that is stored of groups, opened, without the ids that chance gave: by group id."""
    found: dict[str, Any] = {}
    for it in reads.load(list(Group.objects.values_list("id", flat=True))):
        members = Member.objects.filter(group_id=it.id).order_by("record_id")
        found[it.name] = {
            "traits": {value.name: (value.value, value.data_class, value.source_id, value.at) for value in it.values},
            "facts": it.facts,
            "members": [(member.record_id, member.first_seen, member.last_seen) for member in members],
        }
    return found
