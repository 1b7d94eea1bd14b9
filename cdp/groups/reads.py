"""What is known of groups and their members, opened. Callers mask, and write down what they showed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField

from cdp.catalogue import snapshot
from cdp.groups import rows
from cdp.groups.golden import standing
from cdp.groups.models import Group
from cdp.sources import lookup
from cdp.sources.models import Source
from consent.permits import permitted_sql
from identity.golden import Survivor
from identity.traits import leaves

_MOST_ACTIVE = 1000
Sources = frozenset[UUID] | None  # the only ones that the reader's key may touch; None: all


@dataclass(frozen=True, slots=True)
class GroupValue:
    """One golden attribute of a group. `data_class`: identifying, fact or undeclared."""

    name: str
    value: Any
    data_class: str
    source_id: UUID
    source: str
    rule: str
    at: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group, opened. `name`: the group id as sent; "" when its key is gone."""

    id: UUID
    name: str
    facts: dict[str, Any]
    values: tuple[GroupValue, ...]


@dataclass(frozen=True, slots=True)
class MemberView:
    """A person who belongs to a group, by these of their records."""

    profile_id: UUID
    first_seen: datetime
    last_seen: datetime
    records: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Belonging:
    """That a person belongs to a group: by which calls, from the first to the last."""

    group: UUID
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Size:
    """How many people belong to a group, and when one of them last said so."""

    people: int = 0
    last_seen: datetime | None = None


def visible(purpose: str, at: datetime, only: Sources = None) -> QuerySet[Group]:
    """Groups of which at least one member permits the reader's purpose: what is known of a group came from its members, and
    one of a single member is that person."""
    condition, params = permitted_sql(purpose, at, column="r.profile_id")
    own = "" if only is None else " AND m.source_id = ANY(%s)"
    exists = (
        "EXISTS (SELECT FROM groups_member m JOIN identity_record r ON r.id = m.record_id"
        f" WHERE m.group_id = groups_group.id AND {condition}{own})"
    )
    params = [*params, *([] if only is None else [sorted(only)])]
    return Group.objects.filter(RawSQL(exists, params, output_field=BooleanField()))  # noqa: S611 - parameters are bound


def find(name: str) -> list[UUID]:
    """The groups with this group id, one for each namespace of sources that has it, oldest first."""
    spaces = sorted(set(Source.objects.values_list("namespace", flat=True)))
    digests = rows.digests([(space, name) for space in spaces])
    return list(Group.objects.filter(digest__in=digests).order_by("id").values_list("id", flat=True))


def load(ids: Collection[UUID], only: Sources = None) -> list[GroupView]:
    """These groups, opened, in the order of the ids. Of a key limited to some sources: what those said."""
    found = {row.id: row for row in rows.load("id", ids)}
    known = {id: row.known.only(only) for id, row in found.items()}
    sources = lookup.load({source for it in known.values() for source in it.ids()})
    priorities = {id: source.priority for id, source in sources.items()}
    views = []
    for id in ids:
        if id not in found:
            continue
        values = tuple(value for one in standing(known[id], priorities) for value in _values(one, sources))
        facts = {value.name: value.value for value in values if value.data_class == "fact"}
        views.append(GroupView(id, found[id].name, facts, values))
    return views


def _values(one: Survivor, sources: dict[UUID, lookup.SourceInfo]) -> list[GroupValue]:
    """The leaves of a trait. Only a declared path is called by its class: an undeclared name can be personal data too."""
    classes = snapshot.current().classes("group")
    facts = {path for path, _ in leaves(one.trait, one.fact[0])} if one.fact else set()
    source = sources.get(one.record)
    found = []
    for path, value in leaves(one.trait, one.value):
        sealed_class = "identifying" if classes.get(path) == "identifying" else "undeclared"
        data_class = "fact" if path in facts else sealed_class
        name = source.name if source else ""
        found.append(GroupValue(path, value, data_class, one.record, name, one.rule, one.at))
    return found


def members(
    group: UUID, purpose: str, at: datetime, *, only: Sources = None, after: UUID | None = None, limit: int = 50
) -> list[MemberView]:
    """The people of a group who permit a purpose, by id of their profile, newest first; those after `after`."""
    condition, params = permitted_sql(purpose, at, column="r.profile_id")
    own = None if only is None else sorted(only)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.profile_id, min(m.first_seen), max(m.last_seen), array_agg(m.record_id ORDER BY m.first_seen, m.id)
                FROM groups_member m JOIN identity_record r ON r.id = m.record_id
                WHERE m.group_id = %s AND r.profile_id IS NOT NULL AND {condition}
                  AND (%s::uuid[] IS NULL OR m.source_id = ANY(%s::uuid[])) AND (%s::uuid IS NULL OR r.profile_id < %s::uuid)
                GROUP BY 1 ORDER BY 1 DESC LIMIT %s""",
            [group, *params, own, own, after, after, limit],
        )
        return [MemberView(row[0], row[1], row[2], tuple(row[3])) for row in cursor.fetchall()]


def sizes(groups: Sequence[UUID], only: Sources = None) -> dict[UUID, Size]:
    """How many people each of these groups has. One query."""
    own = None if only is None else sorted(only)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT m.group_id, count(DISTINCT r.profile_id), max(m.last_seen)
               FROM groups_member m JOIN identity_record r ON r.id = m.record_id
               WHERE m.group_id = ANY(%s) AND (%s::uuid[] IS NULL OR m.source_id = ANY(%s::uuid[])) GROUP BY 1""",
            [list(groups), own, own],
        )
        return {row[0]: Size(row[1], row[2]) for row in cursor.fetchall()}


def groups_of(profile_id: UUID, only: Sources = None) -> list[Belonging]:
    """The groups a person belongs to, the latest first."""
    own = None if only is None else sorted(only)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT m.group_id, min(m.first_seen), max(m.last_seen) FROM groups_member m
               JOIN identity_record r ON r.id = m.record_id
               WHERE r.profile_id = %s AND (%s::uuid[] IS NULL OR m.source_id = ANY(%s::uuid[]))
               GROUP BY 1 ORDER BY 3 DESC, 1""",
            [profile_id, own, own],
        )
        return [Belonging(*row) for row in cursor.fetchall()]


def activity(
    group: UUID, purpose: str, at: datetime, *, days: int = 30, only: Sources = None
) -> list[tuple[date, int]]:
    """What happened on each of the last days (UTC), the last one today: events of the members who permit a purpose. Of a large
    group, of those who said last that they belong to it."""
    condition, params = permitted_sql(purpose, at, column="r.profile_id")
    own = None if only is None else sorted(only)
    today = at.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT (e.occurred_at AT TIME ZONE 'UTC')::date, count(*)
                FROM (SELECT m.record_id FROM groups_member m JOIN identity_record r ON r.id = m.record_id
                      WHERE m.group_id = %s AND {condition} AND (%s::uuid[] IS NULL OR m.source_id = ANY(%s::uuid[]))
                      ORDER BY m.last_seen DESC LIMIT {_MOST_ACTIVE}) AS m
                JOIN events_event e ON e.record_id = m.record_id AND e.occurred_at >= %s AND e.occurred_at <= %s
                GROUP BY 1""",
            [group, *params, own, own, since, at],
        )
        found = dict(cursor.fetchall())
    return [(day, found.get(day, 0)) for day in (first + timedelta(days=n) for n in range(days))]
