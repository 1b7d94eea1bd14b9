"""One event in the debugger: how it was read, what it became or why it was rejected. Whoever looks is written down.

Values of a person stand here only through the same gate as everywhere (`gate.enter`): the reader's role, the person's
permission, and a reveal for identifying ones. Of an event that is nobody's yet, or no longer, only the shape is shown."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from cdp.access.masking import mask
from cdp.access.objects import visible
from cdp.access.principals import audited, sees_identifying
from cdp.catalogue import snapshot
from cdp.console import debugger_rows, gate, reveal
from cdp.console.debugger_rows import Viewer
from cdp.console.gate import Person
from cdp.console.wire_lines import Line, Sight, lines
from cdp.events import stream
from cdp.events.claim import Claimed, peek
from cdp.events.reads import TimelineEvent
from cdp.events.remedies import meaning, remedy
from cdp.events.stream import Refused
from cdp.pipeline import wire
from cdp.sources import lookup
from cdp.sources.lookup import SourceInfo
from consent.models import Purpose
from consent.refusal import NotPermitted
from identity import profiles
from identity.models import Merge, Profile, Record
from segments.models import Segment, Stay

_TOGETHER = timedelta(seconds=5)  # what one batch does, it does within this
_AFTER = timedelta(seconds=15)  # memberships follow in a transaction of their own
_UNSEEN = "Your role sees the shape of events, no person's values."
_NOBODY = "Nobody's yet: whose it is and what they permit is asked when it is processed."
_REFUSED = "Nobody's: a rejected event was not given to a person, so nobody's permission can be asked."


def detail(
    request: HttpRequest, state: str, id: str, sources: list[UUID], viewer: Viewer, *, at: datetime
) -> dict[str, Any]:
    """Everything that the reader may see of one event of these sources. Writes one audit entry. Raises Http404."""
    match state:
        case "stored" if event := stream.one(_uuid(id), sources):
            return _stored(request, event, viewer, at=at)
        case "rejected" if refused := stream.one_refused(_uuid(id), sources):
            return _refused(request, refused, viewer)
        case "pending" if found := peek(sources, 1, id=_inbox_id(id)):
            return _waiting(request, found[0], viewer)
    raise Http404


def _inbox_id(id: str) -> int:
    try:
        return debugger_rows.inbox_id(id)
    except ValueError:
        raise Http404 from None


def _uuid(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise Http404 from None


def _waiting(request: HttpRequest, it: Claimed, viewer: Viewer) -> dict[str, Any]:
    audited(request, "debugger.inspect", object=("inbox", it.id), details={"state": "pending", "open": False})
    found = _read(it.event, it.source_id, it.received_at, it.occurred_at, Sight(names=viewer.names))
    return {**debugger_rows.of_waiting(it, viewer), **found, "masked": _NOBODY}


def _refused(request: HttpRequest, it: Refused, viewer: Viewer) -> dict[str, Any]:
    details = {"state": "rejected", "reason": it.reason, "open": False}
    audited(request, "debugger.inspect", object=("rejection", it.id), details=details)
    row = debugger_rows.of_refused(it, viewer)
    why = {"meaning": meaning(it.reason), "remedy": remedy(it.reason), "field": it.field, "reason": it.reason}
    found: dict[str, Any] = {"times": [_time("received", it.at)], "lines": [], "identifiers": [], "consent": []}
    if isinstance(it.event, dict):
        found = _read(it.event, it.source_id, it.at, None, Sight(names=viewer.names))
    elif it.event is not None:
        why["size"] = f"{len(it.event):,} bytes that are not a JSON object"
    address = (
        reverse("admin:events_rejection_change", args=[it.id]) if request.user.has_perm("events.view_rejection") else ""
    )
    return {**row, **found, "refused": why, "address": address, "masked": _REFUSED}


def _stored(request: HttpRequest, it: TimelineEvent, viewer: Viewer, *, at: datetime) -> dict[str, Any]:
    record = Record.objects.filter(pk=it.record_id).first()
    person, masked = _person(request, record, viewer, at=at)
    sight = Sight(names=viewer.names, facts=person is not None, open=bool(person and person.open))
    found = _read(debugger_rows.whole(it, snapshot.current()), it.source_id, it.received_at, it.occurred_at, sight)
    processed = stream.made_at(it.id)
    found["times"].append(_time("processed", processed, f"{_after(processed - it.received_at)} after it came"))
    audited(
        request,
        "debugger.inspect",
        object=("event", it.id),
        subjects=[it.record_id],
        purpose=person.purpose if person else "operate",
        fields=sorted(_declared(found["lines"])) if person else [],
        details={"state": "stored", "open": sight.open, "facts": sight.facts},
    )
    return {
        **debugger_rows.of_stored(it, viewer),
        **found,
        "lines": found["lines"],
        "became": _became(request, record, person, processed),
        "reveal": _reveal(request, person, at=at),
        "masked": masked
        if record
        else "The record of this event was erased: its key is destroyed, and only facts are left.",
    }


def _person(request: HttpRequest, record: Record | None, viewer: Viewer, *, at: datetime) -> tuple[Person | None, str]:
    """The person of a record, for a reader who may see people and where they permit it; else why not."""
    if record is None or record.profile_id is None or not viewer.people:
        return None, _UNSEEN
    try:
        return gate.enter(request, record.profile_id, at=at), ""
    except NotPermitted as refusal:
        return None, f"Not shown: {refusal.decision.because}"


def _declared(found: list[dict[str, Any]]) -> set[str]:
    return {line["name"] for line in found if line["data_class"] in ("fact", "identifying")}


def _read(
    event: Mapping[str, Any], source_id: UUID, received_at: datetime, occurred_at: datetime | None, sight: Sight
) -> dict[str, Any]:
    """How an event is read: times, identifiers, consent, lines."""
    catalogue = snapshot.current()
    source = lookup.load([source_id]).get(source_id)
    reading = debugger_rows.read(event, source, catalogue, occurred_at or received_at)
    identifiers = reading.observation.identifiers if reading else []
    return {
        "times": _times(event, received_at, occurred_at),
        "identifiers": [
            {
                "kind": kind.replace("_", " "),
                "value": _identifier(kind, value, sight),
                "unread": "" if debugger_rows.reads(reading, kind, value) else _unread(kind, source),
            }
            for kind, value in identifiers
        ],
        "consent": _consent(event, source, received_at),
        "lines": [asdict(line) for line in _lines(event, sight)],
    }


def _lines(event: Mapping[str, Any], sight: Sight) -> list[Line]:
    return lines(event, snapshot.current(), sight)


def _unread(kind: str, source: SourceInfo | None) -> str:
    if kind != "phone" or source is None:
        return "cannot be read as one: it links nobody"
    return f"cannot be read for region {source.region}: it links nobody. Set the region of the source, or send +…"


def _identifier(kind: str, value: str, sight: Sight) -> str | None:
    if sight.open:
        return value
    return mask(value, kind if kind in ("email", "phone") else "id") if sight.masks else None


def _times(event: Mapping[str, Any], received_at: datetime, occurred_at: datetime | None) -> list[dict[str, Any]]:
    found = []
    skew = debugger_rows.skew_of(event, received_at)
    if occurred_at:
        note = "by our clock: timestamp + (received − sent)" if skew else "no sent time: taken as it was given"
        found.append(_time("occurred", occurred_at, note))
    if skew is not None:
        found.append(_time("sent", received_at - skew, f"the sender's clock and the way here: {_after(skew)}"))
    return [*found, _time("received", received_at)]


def _time(name: str, at: datetime, note: str = "") -> dict[str, Any]:
    return {"name": name, "at": at.isoformat(timespec="milliseconds"), "note": note}


def _after(length: timedelta) -> str:
    """A length of time in words, with its sign if it is negative."""
    seconds = length.total_seconds()
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    if seconds < 1:
        return f"{sign}{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{sign}{seconds:.1f} s"
    return f"{sign}{seconds / 60:.0f} min" if seconds < 7200 else f"{sign}{seconds / 3600:.1f} h"


def _consent(event: Mapping[str, Any], source: Any, at: datetime) -> list[dict[str, str]]:
    """What the event itself says of consent, as the pipeline understands it."""
    context = event.get("context")
    if not isinstance(context, Mapping) or source is None:
        return []
    purposes = {wire.slug(key): key for key in Purpose.objects.values_list("key", flat=True)}
    try:
        said = wire.statements(
            event, subjects=(UUID(int=0),), message=UUID(int=0), source=source, purposes=purposes, occurred_at=at
        )
    except (wire.InvalidConsent, AttributeError, TypeError):
        return [{"purpose": "context.consent", "status": "cannot be read", "note": ""}]
    found = [
        {"purpose": it.purpose, "status": it.status, "note": f"on the basis {it.basis.replace('_', ' ')}"}
        for it in said
    ]
    if context.get("gpc"):
        found.append({"purpose": "Global Privacy Control", "status": "opt-out", "note": "Sec-GPC: 1"})
    preferences = context.get("consent")
    if isinstance(preferences, Mapping) and preferences and not said:
        found.append(
            {"purpose": "context.consent", "status": "says nothing here", "note": "no purpose of ours is named"}
        )
    return found


def _became(
    request: HttpRequest, record: Record | None, person: Person | None, processed: datetime
) -> dict[str, Any] | None:
    """Record and profile, and what happened to them in the same moment."""
    if record is None:
        return None
    began = processed - _TOGETHER
    found: dict[str, Any] = {"record": str(record.id), "new_record": record.created_at >= began, "happened": []}
    profile = Profile.objects.filter(pk=record.profile_id).first() if record.profile_id else None
    if profile is None:
        return found
    found |= {"new_profile": profile.created_at >= began, "records": profile.records}
    merges = Merge.objects.filter(profile_id=profile.id, at__range=(began, processed + _TOGETHER))
    found["happened"] = [f"{it.kind}: {len(it.records)} record(s) moved" for it in merges.order_by("at")[:5]]
    if person is None:
        return found
    found["address"] = reverse("admin:identity_profile_change", args=[person.id])
    found["links"] = [
        {"rule": it.rule.replace("_", " "), "weight": round(it.weight)}
        for it in profiles.links_of(person.id)
        if record.id in (it.left, it.right)
    ][:8]
    return found | {"segments": _segments(request, person, began, processed + _AFTER)}


def _segments(request: HttpRequest, person: Person, began: datetime, ended: datetime) -> list[dict[str, Any]]:
    """Segments that the person entered or left in these moments, of those that the reader may see and the person permits."""
    stays = Stay.objects.filter(profile_id=person.id)
    moved = [(it.segment_id, "entered") for it in stays.filter(entered_at__range=(began, ended))]
    moved += [(it.segment_id, "left") for it in stays.filter(left_at__range=(began, ended))]
    known = visible(request.user, Segment.objects.filter(id__in=[id for id, _ in moved]), "view_segment")
    allowed = {it.id: it for it in known if it.purpose in person.decisions and person.decisions[it.purpose].allowed}
    return [
        {"name": allowed[id].name, "verb": verb, "address": reverse("admin:segments_segment_change", args=[id])}
        for id, verb in moved
        if id in allowed
    ]


def _reveal(request: HttpRequest, person: Person | None, *, at: datetime) -> dict[str, Any] | None:
    """Whether this reader may open the values, or until when they are open."""
    if person is None or not sees_identifying(request):
        return None
    until = reveal.until(request, person.id, at=at)
    purposes = [{"key": it.key, "name": it.name or it.key} for it in Purpose.objects.order_by("key")]
    return {"profile": str(person.id), "until": until.isoformat() if until else None, "purposes": purposes}
