"""What the REST doors and the pages say of a person, as plain data: opened by identity, masked here for the reader.

Each function says what it showed (`fields`, `subjects`) for the audit entry that its caller writes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.access.problems import Problem
from cdp.catalogue import snapshot
from cdp.console import shown
from cdp.console.belonging import Belonging
from cdp.console.gate import Person
from cdp.console.paths import chain
from cdp.events.reads import TimelineEvent, timeline
from cdp.sources import lookup
from consent import rules
from consent.models import LedgerEntry, Purpose, Subject
from consent.permits import Decision
from identity import profiles
from identity.models import Record
from segments.models import Segment
from segments.reads import why


@dataclass(slots=True)
class Answer:
    """An answer and what it shows of whom."""

    content: Any
    fields: set[str] = field(default_factory=set)
    subjects: set[UUID] = field(default_factory=set)


def declared_names(values: Iterable[profiles.GoldenValue]) -> set[str]:
    """The names that may stand in the audit trail; what is undeclared is called so."""
    return {it.name if it.data_class != "undeclared" else "(undeclared)" for it in values}


def profile(person: Person, belongings: tuple[list[Belonging], int], *, expand: frozenset[str]) -> Answer:
    """The golden record with identifiers and segments; `expand`: "provenance", "records"."""
    values = [it for it in profiles.golden(person.id) if person.sees(it.source_id)]
    traits, classes = shown.traits(values, open=person.open)
    found = identifiers(person)
    listed, withheld = belongings
    row = person.profile
    content: dict[str, Any] = {
        "id": row.id,
        "redirected_from": person.asked if person.moved else None,
        "version": row.version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "records": row.records,
        "open": person.open,
        "traits": traits,
        "classes": classes,
        "identifiers": found.content,
        "segments": [it.key for it in listed],
        "segments_withheld": withheld,
    }
    answer = Answer(content, declared_names(values) | found.fields, {it.record_id for it in values} | found.subjects)
    if "provenance" in expand:
        content["provenance"] = {shown.name(it.name, it.data_class, open=person.open): _provenance(it) for it in values}
    if "records" in expand:
        content["record_list"] = records(person).content
    return answer


def _provenance(it: profiles.GoldenValue) -> dict[str, Any]:
    return {"record": it.record_id, "source": it.source, "rule": it.rule, "at": it.at}


def identifiers(person: Person) -> Answer:
    """The identifiers by which the person is known."""
    only = _own_records(person)
    listed, fields, subjects = [], set(), set()
    for it in profiles.identifiers_of(person.id):
        held = [record for record in it.records if only is None or record in only]
        if not held:
            continue
        fields.add(f"identifier.{it.kind}")
        subjects.update(held)
        listed.append(
            {
                "kind": it.kind,
                "value": shown.identifier(it, open=person.open),
                "first_seen": it.first_seen,
                "records": held,
                "retired": it.retired or None,
            }
        )
    return Answer(listed, fields, subjects)


def _own_records(person: Person) -> set[UUID] | None:
    """The records within the limits of the reader's key; None: all."""
    if person.only is None:
        return None
    rows = Record.objects.filter(profile_id=person.id, source_id__in=person.only)
    return set(rows.values_list("id", flat=True))


def records(person: Person) -> Answer:
    """The records side by side."""
    found = [it for it in profiles.records_of(person.id) if person.sees(it.source_id)]
    content = [
        {
            "id": it.id,
            "source": it.source,
            "key_kind": it.key_kind,
            "key": shown.key(it, open=person.open),
            "first_seen": it.first_seen,
            "traits": shown.record_traits(it, open=person.open),
        }
        for it in found
    ]
    fields = {
        path if data_class != "undeclared" else "(undeclared)"
        for it in found
        for path, (_, data_class, _) in it.traits.items()
    }
    return Answer(content, fields | {"record.key"}, {it.id for it in found})


def provenance(person: Person) -> Answer:
    """Every trait with its golden value, why it stands, and what the other records say."""
    values = [it for it in profiles.golden(person.id) if person.sees(it.source_id)]
    views = [it for it in profiles.records_of(person.id) if person.sees(it.source_id)]
    content = []
    for it in values:
        said = [
            {
                "record": view.id,
                "source": view.source,
                "value": shown.value(it.name, view.traits[it.name][0], view.traits[it.name][1], open=person.open),
                "at": view.traits[it.name][2],
                "survives": view.id == it.record_id,
            }
            for view in views
            if it.name in view.traits
        ]
        content.append(
            {
                "trait": shown.name(it.name, it.data_class, open=person.open),
                "class": it.data_class,
                "value": shown.value(it.name, it.value, it.data_class, open=person.open),
                **_provenance(it),
                "candidates": said,
            }
        )
    return Answer(content, declared_names(values), {view.id for view in views})


def events(
    person: Person, *, before: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[TimelineEvent], list[UUID]]:
    """Events of the person, newest first, and the records they can be of."""
    rows = Record.objects.filter(profile_id=person.id)
    if person.only is not None:
        rows = rows.filter(source_id__in=person.only)
    ids = list(rows.values_list("id", flat=True))
    return timeline(ids, before=before, limit=limit), ids


def timeline_entries(person: Person, rows: Sequence[TimelineEvent]) -> Answer:
    """Events as the reader may see them."""
    catalogue = snapshot.current()
    classes = {scope: catalogue.classes(scope) for scope in ("trait", "property", "context")}
    sources = lookup.load({row.source_id for row in rows})
    content = []
    for row in rows:
        source = sources.get(row.source_id)
        label = catalogue.event_label(row.name) if row.name else None
        content.append(
            {
                "id": row.id,
                "type": row.type,
                "name": shown.event_name(row, label, open=person.open),
                "occurred_at": row.occurred_at,
                "received_at": row.received_at,
                "source": source.name if source else None,
                "record": row.record_id,
                **shown.event_body(row, classes, open=person.open),
            }
        )
    return Answer(content, {"timeline"}, {row.record_id for row in rows})


def consents(profile_id: UUID, digests: Iterable[UUID], decisions: dict[str, Decision]) -> list[dict[str, Any]]:
    """For each purpose: permitted or not, because of what, and all entries of the ledger about the person."""
    about = Subject.objects.filter(digest__in=list(digests)).values("entry_id")
    entries = list(LedgerEntry.objects.filter(id__in=about).order_by("-effective_from", "-id"))
    sources = lookup.load({it.source_id for it in entries if it.source_id})
    content = []
    for purpose in Purpose.objects.order_by("key"):
        decision = decisions[purpose.key]
        content.append(
            {
                "purpose": purpose.key,
                "name": purpose.name,
                "basis": purpose.basis,
                "allowed": decision.allowed,
                "because": decision.because,
                "entries": [
                    _entry(
                        it,
                        decides=it.id in decision.entries,
                        source=sources.get(it.source_id) if it.source_id else None,
                    )
                    for it in entries
                    if it.purpose in (purpose.key, "*")
                ],
            }
        )
    return content


def _entry(it: LedgerEntry, *, decides: bool, source: Any) -> dict[str, Any]:
    return {
        "id": it.id,
        "purpose": it.purpose,
        "status": it.status,
        "decides": decides,
        "basis": it.basis,
        "effective_from": it.effective_from,
        "expires_at": it.expires_at,
        "recorded_at": it.recorded_at,
        "notice_version": it.notice_version,
        "channel": it.channel,
        "method": it.method,
        "source": source.name if source else None,
    }


def why_segment(person: Person, segment: Segment, *, at: datetime) -> dict[str, Any]:
    """Why the person is in a segment or not: the tree of conditions with values and evidence, which are facts. Whether the
    person may be used for its purpose is said with it: rules speak of facts, permission is asked beside them."""
    found = why(segment, person.id, at)
    decision = person.decisions.get(segment.purpose, rules.UNKNOWN)
    return {
        "segment": segment.key,
        "name": segment.name,
        "member": bool(found and found.true),
        "purpose": segment.purpose,
        "permitted": decision.allowed,
        "because": decision.because,
        "why": found.as_json() if found else None,
    }


def why_together(person: Person, left: UUID, right: UUID) -> dict[str, Any]:
    """The chain of links that makes two records of the person one, with the values that they share. Raises a 400 Problem for
    records that are not (both) the person's."""
    own = {it.id: it for it in profiles.records_of(person.id) if person.sees(it.source_id)}
    if left not in own or right not in own or left == right:
        raise Problem(
            400, "not_records", "Two different records of this profile are needed", field="record_a",
            remedy="Take the ids from expand=records.",
        )  # fmt: skip
    values = {it.digest: shown.identifier(it, open=person.open) for it in profiles.identifiers_of(person.id)}
    steps = chain(profiles.links_of(person.id), left, right)
    decided = [
        {"verdict": it.verdict, "left": it.left_id, "right": it.right_id, "by": it.actor, "at": it.at}
        for it in profiles.constraints_of(person.id)
        if {it.left_id, it.right_id} <= own.keys()
    ]
    return {
        "record_a": left,
        "record_b": right,
        "linked": steps is not None,
        "links": [
            {
                "left": it.left,
                "right": it.right,
                "rule": it.rule,
                "kind": it.kind,
                "value": values.get(it.digest) if it.digest else None,
                "bits": round(it.weight, 2),
                "at": it.at,
            }
            for it in steps or ()
        ],
        "decisions": decided,
    }
