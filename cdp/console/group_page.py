"""What the page of one group shows, gathered for its template."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from cdp.access.principals import purpose_of, sees_identifying
from cdp.console import charts, group_answers, group_gate, names, reveal
from cdp.console.group_gate import Seen
from cdp.groups import reads
from consent.models import Purpose
from identity.models import Profile

PAGE = 25
_ORDER = {"identifying": 0, "fact": 1, "undeclared": 2}


def context(request: HttpRequest, seen: Seen, *, at: datetime) -> dict[str, Any]:
    """Everything but the frame. Writes the audit entries."""
    group_gate.note(request, seen)
    people, following = members(request, seen, after=None, at=at)
    days = reads.activity(seen.id, seen.purpose, at, only=seen.only)
    return {
        "group": seen,
        "name": group_answers.called(seen.view, open=seen.open),
        "content": group_answers.group(seen),
        "attributes": attributes(seen),
        "members": people,
        "following": following,
        "events": sum(n for _, n in days),
        "chart": charts.bars(
            [charts.Bar(n, f"{day:%-d %B}: {n:,} event{'' if n == 1 else 's'}") for day, n in days],
            label="Events of the members on each of the last 30 days",
        ),
        "first_day": days[0][0],
        "may_reveal": sees_identifying(request),
        "revealed_until": reveal.until(request, seen.id, at=at),
        "purposes": Purpose.objects.order_by("key"),
        "reads_for": purpose_of(request),
        "now": at,
    }


def attributes(seen: Seen) -> list[dict[str, Any]]:
    """The rows of traits: identifying ones first, then facts, then what nobody declared."""
    content = group_answers.group(seen, provenance=True)
    rows = [
        {"name": name, "value": value, "class": content["classes"][name], "why": content["provenance"][name]}
        for name, value in content["traits"].items()
    ]
    return sorted(rows, key=lambda row: (_ORDER[row["class"]], row["name"]))


def members(request: HttpRequest, seen: Seen, *, after: UUID | None, at: datetime) -> tuple[list[dict[str, Any]], str]:
    """A page of members with masked names, and where the next page begins ("" on the last one). Written down as read."""
    rows = reads.members(seen.id, seen.purpose, at, only=seen.only, after=after, limit=PAGE + 1)
    shown = rows[:PAGE]
    profiles = Profile.objects.filter(pk__in=[row.profile_id for row in shown])
    called = names.of_profiles(profiles)
    subjects = [record for row in shown for record in row.records]
    group_gate.note(request, seen, "group.members", fields=["members", "name"], subjects=subjects, rows=len(shown))
    content = [
        {
            "id": row.profile_id,
            "name": called.get(row.profile_id, names.NOBODY),
            "first_seen": row.first_seen,
            "last_seen": row.last_seen,
            "records": len(row.records),
        }
        for row in shown
    ]
    return content, str(shown[-1].profile_id) if len(rows) > PAGE else ""
