"""The gate that every read of a group goes through: may it be read for this purpose, and how much of it is open.

What is known of a group came from its members, and one of a single member can be that person: so a group is read like a person.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404

from cdp.access.masking import HIDDEN
from cdp.access.principals import audited, purpose_of, sources_of
from cdp.access.problems import Problem
from cdp.console import reveal
from cdp.groups import reads
from cdp.groups.models import Group, Member
from cdp.groups.reads import GroupView, Size


class GroupNotPermitted(Problem):
    """403: none of the members permits the reader's purpose."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            403,
            "not_permitted",
            "This group may not be read for this purpose",
            "None of its members permits it.",
            remedy="Read it for a purpose that a member permits, or not at all.",
        )
        self.purpose = purpose


@dataclass(frozen=True, slots=True)
class Seen:
    """A group that may be read, opened. `open`: the reader sees identifying values in clear. `only`: the sources that the
    reader's key is limited to."""

    row: Group
    view: GroupView
    size: Size
    purpose: str
    open: bool
    only: frozenset[UUID] | None

    @property
    def id(self) -> UUID:
        """Of the group."""
        return self.row.id


def enter(request: Any, group_id: UUID, *, at: datetime) -> Seen:
    """The group behind an id, for this reader. Raises Http404, and GroupNotPermitted (which is written down)."""
    only = sources_of(request)
    row = Group.objects.filter(pk=group_id).first()
    if row is None or (only is not None and not Member.objects.filter(group=row, source_id__in=only).exists()):
        raise Http404  # outside the limits of a key there is nothing
    granted = reveal.granted(request, row.id, at=at)
    purpose = granted or purpose_of(request)
    check(request, row.id, purpose, at=at)
    (view,) = reads.load([row.id], only)
    size = reads.sizes([row.id], only).get(row.id, Size())
    return Seen(row, view, size, purpose, reveal.opens(request, granted), only)


def check(request: Any, group_id: UUID, purpose: str, *, at: datetime) -> None:
    """Raises GroupNotPermitted, and writes it down, unless a member permits the purpose."""
    if not reads.visible(purpose, at, sources_of(request)).filter(pk=group_id).exists():
        audited(
            request, "group.read", object=("group", group_id), purpose=purpose, outcome="denied", rows=0,
            details={"because": "not_permitted"},
        )  # fmt: skip
        raise GroupNotPermitted(purpose)


def note(request: Any, seen: Seen, action: str = "group.read", **more: Any) -> None:
    """Writes down that a group was read: which fields, for which purpose, in clear or masked. To read a group of one is to
    read that person."""
    fields = sorted({it.name if it.data_class != "undeclared" else "(undeclared)" for it in seen.view.values})
    more.setdefault("subjects", list(_records(seen.id)) if seen.size.people == 1 else [])
    audited(
        request,
        action,
        object=("group", seen.id),
        fields=[name for name in more.pop("fields", fields) if name != HIDDEN],
        purpose=seen.purpose,
        details={"open": seen.open, **more.pop("details", {})},
        **more,
    )


def _records(group_id: UUID) -> list[UUID]:
    return list(Member.objects.filter(group_id=group_id).values_list("record_id", flat=True))
