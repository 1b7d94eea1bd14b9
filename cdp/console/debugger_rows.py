"""The debugger's list: one short row for each event that waits, was stored or was rejected. No personal value is in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from cdp.access.masking import HIDDEN
from cdp.access.principals import holds
from cdp.catalogue import paths, snapshot
from cdp.catalogue.identifiers import KINDS, normalise
from cdp.catalogue.snapshot import Catalogue
from cdp.console.wire_lines import BODIES
from cdp.events import stream
from cdp.events.claim import Claimed, peek
from cdp.events.reads import TimelineEvent
from cdp.events.remedies import meaning
from cdp.events.shape import Invalid, moment
from cdp.events.stream import Refused
from cdp.pipeline import wire
from cdp.sources import lookup
from cdp.sources.lookup import SourceInfo

LIMIT = 60  # rows in one answer
OVERLAP = timedelta(seconds=3)  # a transaction that commits now may have made its ids so long ago


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the reader's role opens: `names` that nobody declared (as in the catalogue), `people` (who may read profiles)."""

    names: bool
    people: bool


def viewer_of(request: HttpRequest) -> Viewer:
    """The reader."""
    return Viewer(names=request.user.has_perm("catalogue.change_field"), people=holds(request, "profiles:read"))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are asked for. `states`: waiting, stored, rejected."""

    states: frozenset[str]
    type: str = ""
    name: str = ""


def inbox_id(text: str) -> int:
    """The id of a row of the inbox. Raises ValueError for anything that PostgreSQL would not take for one."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError("not the id of a waiting event")
    return int(text)


def whole(it: TimelineEvent, catalogue: Catalogue) -> dict[str, Any]:
    """A stored event as it came over the wire: what `cdp.pipeline.wire.read` parted, joined again."""
    kind = "merge" if "mergeProperties" in it.sealed else it.type
    facts = {name: value for name, value in it.facts.items() if name != "$context"}
    event = {"type": kind, **it.sealed}
    for field, part in ((BODIES.get(kind, ("", ""))[0], facts), ("context", it.facts.get("$context", {}))):
        rest = it.sealed.get(field)
        if field and (part or rest is not None):
            event[field] = catalogue.merge(part, rest if isinstance(rest, Mapping) else {})
    return event


def read(
    event: Mapping[str, Any], source: SourceInfo | None, catalogue: Catalogue, at: datetime
) -> wire.Reading | None:
    """The event as the pipeline reads it, by the pipeline's own code; None for one that it would not take."""
    if source is None:
        return None
    try:
        return wire.read(event, source=source, catalogue=catalogue, occurred_at=at)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def skew_of(event: Mapping[str, Any], received_at: datetime) -> timedelta | None:
    """How far the sender's clock is behind ours, where it says its time."""
    try:
        return received_at - moment(event["sentAt"], "sentAt") if event.get("sentAt") else None
    except (Invalid, OverflowError):
        return None


def name_of(label: str, catalogue: Catalogue, viewer: Viewer) -> str:
    """An event's name as this reader may see it."""
    return label if not label or viewer.names or catalogue.declared("event", label) else HIDDEN


def _row(
    event: Mapping[str, Any] | None,
    source_id: UUID,
    received_at: datetime,
    occurred_at: datetime | None,
    viewer: Viewer,
) -> dict[str, Any]:
    """What all rows have."""
    catalogue = snapshot.current()
    event = event or {}
    reading = read(event, lookup.load([source_id]).get(source_id), catalogue, occurred_at or received_at)
    kind = event.get("type")
    label = reading.label if reading else str(event.get("event") or "") if kind == "track" else ""
    splits = reading.splits if reading else ()
    said = reading.observation.identifiers if reading else []
    return {
        "source": str(source_id),
        "type": kind if kind in BODIES or kind in ("alias", "merge") else "",
        "name": name_of(label, catalogue, viewer),
        "declared": not label or catalogue.declared("event", label) is not None,
        "received": received_at.isoformat(),
        "occurred": occurred_at.isoformat() if occurred_at else None,
        "kinds": list(dict.fromkeys(kind.replace("_", " ") for kind, value in said if reads(reading, kind, value))),
        "facts": sum(len(paths.flatten(split.facts)) for split in splits),
        "undeclared": sum(len(split.seen) for split in splits),
    }


def reads(reading: wire.Reading | None, kind: str, value: Any) -> bool:
    """Whether a value is one of its kind where its source is, and so finds and links people."""
    region = reading.observation.region if reading else ""
    return kind in KINDS and normalise(kind, value, region=region) is not None


def of_waiting(it: Claimed, viewer: Viewer) -> dict[str, Any]:
    """An event in the inbox."""
    ours = {"state": "pending", "key": it.message.hex, "id": str(it.id)}
    return ours | _row(it.event, it.source_id, it.received_at, it.occurred_at, viewer)


def of_stored(it: TimelineEvent, viewer: Viewer) -> dict[str, Any]:
    """An event in the store."""
    took = (stream.made_at(it.id) - it.received_at).total_seconds()
    ours = {"state": "stored", "key": it.message.hex, "id": str(it.id), "took": max(0, round(took * 1000))}
    event = whole(it, snapshot.current())
    return ours | _row(event, it.source_id, it.received_at, it.occurred_at, viewer)


def of_refused(it: Refused, viewer: Viewer) -> dict[str, Any]:
    """A rejection. It has the key of its message if it once waited under it."""
    event = it.event if isinstance(it.event, dict) else None
    message_id = event.get("messageId") if event else None
    key = stream.message_digests([it.source_id], message_id)[0] if isinstance(message_id, str) else it.id
    ours = {"state": "rejected", "key": key.hex, "id": str(it.id), "reason": it.reason, "field": it.field}
    why = {"meaning": meaning(it.reason), "replayed": it.replayed_at is not None}
    return ours | why | _row(event, it.source_id, it.at, None, viewer)


def latest(
    sources: list[UUID], choice: Choice, viewer: Viewer, *, since: datetime | None, before: UUID | None
) -> tuple[list[dict[str, Any]], UUID | None]:
    """The latest rows, newest first, and the id before which to go on. `since`: only those of then and later."""
    after = stream.first_id(since - OVERLAP) if since else None
    rows: list[dict[str, Any]] = []
    further = None
    if "stored" in choice.states:
        name = snapshot.current().event_name(choice.name) if choice.name else None
        found, further = stream.stored(sources, LIMIT, after=after, before=before, type=choice.type, name=name)
        rows += [row for it in found if (row := of_stored(it, viewer))["type"] == choice.type or not choice.type]
    lower = max(filter(None, (after, further)), default=None)  # beyond that, stored events have not been read yet
    if "rejected" in choice.states:
        refused = stream.refused(sources, LIMIT, after=lower, before=before)
        if len(refused) == LIMIT:
            further = max(filter(None, (further, refused[-1].id)))
        rows += [row for it in refused if _chosen(row := of_refused(it, viewer), choice)]
    if "pending" in choice.states and before is None:
        rows += [row for it in peek(sources, LIMIT) if _chosen(row := of_waiting(it, viewer), choice)]
    return sorted(rows, key=lambda row: row["received"], reverse=True), None if since else further


def _chosen(row: dict[str, Any], choice: Choice) -> bool:
    return (not choice.type or row["type"] == choice.type) and (not choice.name or row["name"] == choice.name)
