"""What the page of one person shows, gathered for its template."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest

from cdp.access.objects import visible
from cdp.access.principals import holds, purpose_of, sees_identifying
from cdp.audit.models import Entry
from cdp.catalogue import snapshot
from cdp.console import answers, gate, group_answers, names, reveal, sameness, shown, together, typed_page
from cdp.console.gate import Person
from cdp.events.reads import TimelineEvent
from cdp.sources import lookup
from consent.models import Purpose
from identity import survivorship
from segments.models import Segment

PAGE = 25
_AUDIT_SHOWN = 30
TABS = ("golden", "records", "timeline", "consents", "segments", "groups", "history", "audit")


def context(request: HttpRequest, person: Person, *, at: datetime) -> dict[str, Any]:
    """Everything but the frame. Writes one audit entry for all of it."""
    listed = person.belongings.listed
    golden = answers.profile(person)
    records = answers.records(person)
    first, following = timeline(person, before=None)
    gate.note(
        request,
        person,
        fields=golden.fields | records.fields | {"timeline", "consents", "segments", "groups"},
        subjects=golden.subjects | records.subjects,
    )
    return {
        "person": person,
        "name": names.called(golden.content["traits"], golden.content["identifiers"]),
        "golden": golden.content,
        "attributes": attributes(answers.provenance(person).content),
        "may_correct": holds(request, "profiles:write"),
        "typeable": typed_page.typeable(),
        "records": records.content,
        "sides": side_by_side(records.content, compared(person)),
        "events": first,
        "following": following,
        "consents": answers.consents(person.standing),
        "segments": listed,
        "withheld": person.belongings.withheld,
        "others": other_segments(request, [it.key for it in listed]),
        "groups": group_answers.of_person(person),
        "seen_by": audit_of(person) if holds(request, "profiles:reveal") or holds(request, "audit:read") else None,
        "may_reveal": sees_identifying(request),
        "revealed_until": reveal.until(request, person.id, at=at),
        "purposes": Purpose.objects.order_by("key"),
        "reads_for": purpose_of(request),
        "now": at,
        **together.context(request, person, records.content, at=at),
    }


def attributes(provenance: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The golden record's rows: identifying traits first, then facts, then the undeclared, which are one row while their names
    are hidden. Each with the values that lost (`others`)."""
    order = {"identifying": 0, "fact": 1, "undeclared": 2}
    rows = {
        it["trait"]: {
            **it,
            "name": it["trait"],
            "others": [said for said in it["candidates"] if not said["survives"]],
            "together": sum(said["survives"] for said in it["candidates"]),
            "head": survivorship.head(it["trait"]) if it["class"] != "undeclared" else "",
        }
        for it in provenance
    }
    return sorted(rows.values(), key=lambda row: (order[row["class"]], row["name"]))


def compared(person: Person) -> dict[str, str]:
    """How the records that the reader may see compare, by trait as it is shown, masked or not: `sameness.compared`."""
    seen = [record for record in person.known.records if person.sees(record.source_id)]
    sources = lookup.load({record.source_id for record in seen})
    said: dict[tuple[str, str], list[tuple[Any, str]]] = {}
    for record in seen:
        for path, (value, data_class, _) in record.traits.items():
            place = shown.name(path, data_class, open=person.open), path
            said.setdefault(place, []).append((value, sources[record.source_id].region))
    kinds = snapshot.current().identifiers
    found: dict[str, str] = {}
    for (name, path), values in said.items():  # undeclared traits are one row while their names are hidden
        how = sameness.compared(path, values, kinds)
        found[name] = how if found.get(name, how) in ("", how) else "differ" if "differ" in (how, found[name]) else ""
    return found


def side_by_side(records: list[dict[str, Any]], how: dict[str, str]) -> list[dict[str, Any]]:
    """A row for each trait with what every record says of it, in the order of the records."""
    every = sorted({name for record in records for name in record["traits"]})
    return [
        {"name": name, "values": [record["traits"].get(name) for record in records], "how": how.get(name, "")}
        for name in every
    ]


def timeline(person: Person, *, before: tuple[datetime, UUID] | None) -> tuple[list[dict[str, Any]], str]:
    """A page of events, and where the next page begins ("" on the last one)."""
    rows, _ = answers.events(person, before=before, limit=PAGE + 1)
    shown: list[TimelineEvent] = rows[:PAGE]
    content = answers.timeline_entries(person, shown).content
    following = f"{shown[-1].occurred_at.isoformat()}|{shown[-1].id}" if len(rows) > PAGE else ""
    return content, following


def other_segments(request: HttpRequest, keys: list[str]) -> list[Segment]:
    """Segments that the person is not in: one may ask why not."""
    rows = visible(request.user, Segment.objects.filter(enabled=True).exclude(key__in=keys), "view_segment")
    return list(rows.order_by("name")[:50])


def audit_of(person: Person) -> list[dict[str, Any]]:
    """Who looked at or changed this person, the latest first; user names instead of ids."""
    ids = {str(person.id), str(person.asked)}
    rows = list(Entry.objects.filter(object_type="profile", object_id__in=ids).order_by("-at")[:_AUDIT_SHOWN])
    users = {int(row.actor_id) for row in rows if row.actor_kind == "user" and row.actor_id.isdigit()}
    called = dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
    return [
        {
            "entry": row,
            "who": called.get(int(row.actor_id), row.actor_id)
            if row.actor_kind == "user" and row.actor_id.isdigit()
            else f"{row.actor_kind} {row.actor_id[:8]}",
        }
        for row in rows
    ]
