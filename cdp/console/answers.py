"""What the REST doors and the pages say of a person, as plain data: opened by identity, masked here for the reader.

Each function says what it showed (`fields`, `subjects`) for the audit entry that its caller writes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.access.problems import Problem
from cdp.catalogue import snapshot
from cdp.catalogue.snapshot import SCOPES
from cdp.console import shown
from cdp.console.gate import Person
from cdp.console.paths import chain
from cdp.console.selection import EXPANSIONS, WHOLE, Asked
from cdp.events.reads import TimelineEvent, timeline
from cdp.groups.reads import groups_of
from cdp.sources import lookup
from consent import rules
from consent.by_profile import Standing
from consent.models import LedgerEntry, Purpose, Subject
from identity import profiles
from identity.known import GoldenValue, RecordView
from segments.models import Segment
from segments.reads import why


@dataclass(slots=True)
class Answer:
    """An answer and what it shows of whom."""

    content: Any
    fields: set[str] = field(default_factory=set)
    subjects: set[UUID] = field(default_factory=set)

    def of(self, fields: Iterable[str], subjects: Iterable[UUID]) -> None:
        """It shows these, too."""
        self.fields.update(fields)
        self.subjects.update(subjects)

    def join(self, other: "Answer") -> Any:
        """The content of another answer, which becomes part of this one."""
        self.of(other.fields, other.subjects)
        return other.content


def declared_names(values: Iterable[GoldenValue]) -> set[str]:
    """The names that may stand in the audit trail; what is undeclared is called so."""
    return {it.name if it.data_class != "undeclared" else "(undeclared)" for it in values}


def profile(person: Person, asked: Asked = WHOLE) -> Answer:
    """The golden record with identifiers and segments, and what was asked to be expanded; only the members asked for."""
    one, held = person.known, person.belongings
    answer = Answer({"id": one.id, "redirected_from": person.asked if person.moved else None})
    content = answer.content
    content |= {
        "version": one.version,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "records": one.size,
        "open": person.open,
    }
    if asked.wants("traits") or asked.wants("classes") or "provenance" in asked.expand:
        values = [it for it in _seen(person) if asked.trait(shown.name(it.name, it.data_class, open=person.open))]
        content["traits"], content["classes"] = shown.traits(values, open=person.open)
        answer.of(declared_names(values), (it.record_id for it in values))
        if "provenance" in asked.expand:
            names = [shown.name(it.name, it.data_class, open=person.open) for it in values]
            content["provenance"] = dict(zip(names, map(_provenance, values), strict=True))
    if asked.wants("identifiers"):
        content["identifiers"] = answer.join(identifiers(person))
    content["segments"] = [it.key for it in held.listed]
    content["segments_withheld"] = held.withheld
    content |= answer.join(expanded(person, asked))
    answer.content = asked.cut(content)
    answer.subjects = answer.subjects or set(person.record_ids)  # without a value it is still about somebody
    return answer


def expanded(person: Person, asked: Asked) -> Answer:
    """What was asked to be expanded, by the names of the answer's members; provenance is told with the traits."""
    answer = Answer({})
    for name in sorted(asked.expand & _MORE.keys()):
        answer.content[EXPANSIONS[name]] = answer.join(_MORE[name](person))
    return answer


def _seen(person: Person) -> list[GoldenValue]:
    """The golden values within the limits of the reader's key."""
    return [it for it in person.known.golden if person.sees(it.source_id)]


def memberships(person: Person) -> Answer:
    """The segments the person is in, as far as their purposes are permitted."""
    return Answer([asdict(it) for it in person.belongings.listed], {"segments"})


def permissions(person: Person) -> Answer:
    """For each purpose whether it is permitted, why, and the entries of the ledger that decide."""
    content = [
        {"purpose": purpose, "allowed": it.allowed, "because": it.because, "entries": list(it.entries)}
        for purpose, it in person.decisions.items()
    ]
    return Answer(content, {"consents"}, set(person.record_ids))


def groups(person: Person) -> Answer:
    """The groups that the person's records belong to."""
    found = groups_of(person.id, person.only)
    content = [{"id": it.group, "first_seen": it.first_seen, "last_seen": it.last_seen} for it in found]
    return Answer(content, {"groups"}, set(person.record_ids))


def _provenance(it: GoldenValue) -> dict[str, Any]:
    why = {"record": it.record_id, "source": it.source, "rule": it.rule, "at": it.at}
    return {**why, "records": list(it.records)} if len(it.records) > 1 else why


def identifiers(person: Person) -> Answer:
    """The identifiers by which the person is known."""
    sources = person.known.sources
    listed, fields, subjects = [], set(), set()
    for it in person.known.identifiers:
        held = [record for record in it.records if person.sees(sources[record])]
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


def records(person: Person) -> Answer:
    """The records side by side."""
    found = [it for it in person.known.records if person.sees(it.source_id)]
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


_MORE: Mapping[str, Callable[[Person], Answer]] = {
    "consents": permissions,
    "groups": groups,
    "records": records,
    "segments": memberships,
}


def provenance(person: Person) -> Answer:
    """Every trait with its golden value, why it stands, and what the other records say."""
    values = _seen(person)
    views = [it for it in person.known.records if person.sees(it.source_id)]
    content = []
    for it in values:
        said = [told for view in views for told in _candidates(person, it, view)]
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


def _candidates(person: Person, it: GoldenValue, view: RecordView) -> Iterator[dict[str, Any]]:
    """What a record says of a trait, and what a steward typed that is kept with it."""
    for said, typed in ((view.traits, False), (view.manual, True)):
        if it.name in said and (not typed or person.only is None):
            content, data_class, at = said[it.name]
            yield {
                "record": view.id,
                "source": "steward" if typed else view.source,
                "value": shown.value(it.name, content, data_class, open=person.open),
                "at": at,
                "survives": view.id in it.records and typed == it.typed,
            }


def events(
    person: Person, *, before: tuple[datetime, UUID] | None, limit: int
) -> tuple[list[TimelineEvent], list[UUID]]:
    """Events of the person, newest first, and the records they can be of."""
    ids = [record for record, source in person.known.sources.items() if person.sees(source)]
    return timeline(ids, before=before, limit=limit), ids


def timeline_entries(person: Person, rows: Sequence[TimelineEvent]) -> Answer:
    """Events as the reader may see them."""
    catalogue = snapshot.current()
    classes = {scope: catalogue.classes(scope) for scope in SCOPES}
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


def consents(standing: Standing) -> list[dict[str, Any]]:
    """For each purpose: permitted or not, because of what, and all entries of the ledger about the person."""
    about = Subject.objects.filter(digest__in=list(standing.digests)).values("entry_id")
    entries = list(LedgerEntry.objects.filter(id__in=about).order_by("-effective_from", "-id"))
    sources = lookup.load({it.source_id for it in entries if it.source_id})
    content = []
    for purpose in Purpose.objects.order_by("key"):
        decision = standing.decisions[purpose.key]
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
    """The strongest chain of links that makes two records of the person one, with what they share. Raises a 400 Problem for
    records that are not (both) the person's."""
    own = {it.id: it for it in person.known.records if person.sees(it.source_id)}
    if left not in own or right not in own or left == right:
        raise Problem(
            400, "not_records", "Two different records of this profile are needed", field="record_a",
            remedy="Take the ids from expand=records.",
        )  # fmt: skip
    values = {it.digest: shown.identifier(it, open=person.open) for it in person.known.identifiers}
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
        "weakest_bits": round(min(it.weight for it in steps), 2) if steps else None,
        "links": [
            {
                "left": it.left,
                "right": it.right,
                "rule": it.rule,
                "kind": it.kind,
                "value": values.get(it.digest) if it.digest else None,
                "bits": round(it.weight, 2),
                "probability": it.probability,
                "at": it.at,
            }
            for it in steps or ()
        ],
        "decisions": decided,
    }
