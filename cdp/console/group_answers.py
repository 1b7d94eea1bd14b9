"""What the REST doors and the pages say of groups, as plain data, masked for the reader."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from cdp.access.masking import mask
from cdp.console import shown
from cdp.console.gate import Person
from cdp.console.group_gate import Seen
from cdp.groups import reads
from cdp.groups.models import Group
from cdp.groups.reads import GroupValue, GroupView, MemberView, Size

NAMES = ("name", "fullName", "full_name", "legalName", "legal_name", "title")
UNNAMED = "Unnamed group"


def group(seen: Seen, *, provenance: bool = False) -> dict[str, Any]:
    """One group: traits by path with their classes, and how many belong to it."""
    traits, classes = _traits(seen.view.values, open=seen.open)
    content: dict[str, Any] = {
        "id": seen.id,
        "key": key(seen.view, open=seen.open),
        "version": seen.row.version,
        "created_at": seen.row.created_at,
        "updated_at": seen.row.updated_at,
        "members": seen.size.people,
        "last_seen": seen.size.last_seen,
        "open": seen.open,
        "traits": traits,
        "classes": classes,
    }
    if provenance:
        content["provenance"] = {
            shown.name(it.name, it.data_class, open=seen.open): {"source": it.source, "rule": it.rule, "at": it.at}
            for it in seen.view.values
        }
    return content


def _traits(values: Iterable[GroupValue], *, open: bool) -> tuple[dict[str, Any], dict[str, str]]:
    found: dict[str, Any] = {}
    classes: dict[str, str] = {}
    for it in values:
        path = shown.name(it.name, it.data_class, open=open)
        found[path] = shown.value(it.name, it.value, it.data_class, open=open)
        classes[path] = it.data_class
    return found, classes


def key(view: GroupView, *, open: bool) -> str:
    """The id under which its members' sources know the group."""
    return view.name if open else mask(view.name, "id")


def called(view: GroupView, *, open: bool) -> str:
    """What the group is called, as far as the reader may see it."""
    by_name = {it.name: it for it in view.values}
    for name in NAMES:
        it = by_name.get(name)
        if it is not None:
            return str(shown.value(it.name, it.value, it.data_class, open=open))
    return view.name if open else UNNAMED


def items(page: Sequence[Group], only: frozenset[UUID] | None) -> list[dict[str, Any]]:
    """Groups in a list: their facts, and how many belong to each."""
    ids = [row.id for row in page]
    counts = reads.sizes(ids, only)
    facts = {row.id: row.facts for row in page}
    if only is not None:
        facts = {view.id: view.facts for view in reads.load(ids, only)}
    return [
        {
            "id": row.id,
            "version": row.version,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "members": counts.get(row.id, Size()).people,
            "last_seen": counts.get(row.id, Size()).last_seen,
            "facts": facts.get(row.id, {}),
        }
        for row in page
    ]


def members(rows: Sequence[MemberView]) -> list[dict[str, Any]]:
    """The people of a group."""
    return [
        {"profile": it.profile_id, "first_seen": it.first_seen, "last_seen": it.last_seen, "records": list(it.records)}
        for it in rows
    ]


def of_person(person: Person) -> list[dict[str, Any]]:
    """The groups of a person, the latest first. Names are masked: who may see the person in clear may still not see, with the
    same reason, what their company is called."""
    belonging = reads.groups_of(person.id, person.only)
    views = {view.id: view for view in reads.load([it.group for it in belonging], person.only)}
    return [
        {
            "id": it.group,
            "name": called(views[it.group], open=False),
            "facts": views[it.group].facts,
            "first_seen": it.first_seen,
            "last_seen": it.last_seen,
        }
        for it in belonging
        if it.group in views
    ]
