"""This room's share of a person: the groups they belong to, and what their records said of them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from cdp.groups import rows
from cdp.groups.derive import erase
from cdp.groups.models import Member
from identity import locks
from identity.traits import whole


class Groups:
    """Holder of groups and of memberships in them."""

    name = "groups"
    models = ("groups.group", "groups.member")

    def find(self, record_ids: Iterable[UUID]) -> int:
        """How many memberships."""
        return Member.objects.filter(record_id__in=list(record_ids)).count()

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        """The memberships, each with what the person's own record said of the group; not what others said of it."""
        members = rows.members_with(list(record_ids))
        names = {row.id: row.name for row in rows.load("id", {member.group for member in members})}
        for member in members:
            yield {
                "group": names.get(member.group, ""),
                "source": str(member.source),
                "first_seen": member.first_seen.isoformat(),
                "last_seen": member.last_seen.isoformat(),
                "traits": {
                    trait: {
                        "value": whole(member.facts, member.sealed, trait),
                        "observed_at": (member.facts.get(trait) or member.sealed[trait])[1],
                    }
                    for trait in sorted(member.facts.keys() | member.sealed.keys())
                },
            }

    def erase(self, record_ids: Iterable[UUID]) -> int:
        """Deletes the memberships. What a group is known by without them stays; one that nobody else belongs to goes."""
        with transaction.atomic():
            locks.take()  # first in the order of locks: those who observe people take it before they feed a group
            return erase(list(record_ids), at=datetime.now(UTC))

    def purge(self, now: datetime) -> int:
        """Nothing by age alone: a membership goes with its record."""
        return 0
