"""The one door for events: check, dedupe, seal, count, commit. The wire, files, streams and replays all come through here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

import msgspec
from django.conf import settings

from cdp.events import binary, residue, writer
from cdp.events.commit import Item, Refusal
from cdp.events.mend import mended
from cdp.events.shape import Invalid, occurred, shape
from cdp.events.writer import Overloaded
from cdp.ids import uuid7
from cdp.vault import blind, keys
from cdp.vault.aad import aad

__all__ = ["Arrival", "Offer", "Overloaded", "Receipt", "Rejected", "accept", "written"]

_pack = msgspec.msgpack.Encoder().encode
_parse = msgspec.json.Decoder().decode


class Source(Protocol):
    """What this room needs to know of a source."""

    @property
    def id(self) -> UUID:
        """The source's id."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was not taken: its place among those offered, the reason code and the wire field."""

    index: int
    reason: str
    field: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the events offered: `accepted` counts them all, as reconciliation does."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The circumstances in which events arrived."""

    received_at: datetime
    sent_at: Any = None
    gpc: bool = False
    kind: str | None = None  # the type, when the path says it
    context: Mapping[str, Any] | None = None  # of the batch: merges into each event
    integrations: Mapping[str, Any] | None = None


class Offer:
    """Wire events, checked and sealed, on their way to the writer: `items` are to be written, `rejected` will not be taken."""

    __slots__ = ("_arrival", "_events", "_source_id", "items", "rejected")

    def __init__(
        self, source: Source, events: Sequence[dict[str, Any] | bytes | msgspec.Raw], arrival: Arrival
    ) -> None:
        """Prepares the events; waits for nothing. Events are dicts of JSON types, or JSON bytes."""
        self._source_id, self._events, self._arrival = source.id, events, arrival
        self.items, self.rejected = _prepared(source.id, events, arrival)

    @classmethod
    def of_unreadable(cls, source: Source, raw: bytes, reason: str, arrival: Arrival) -> "Offer":
        """Something unreadable, as one rejected event."""
        offer = cls(source, (), arrival)
        offer._events, offer.rejected = (raw,), [Rejected(0, reason, "")]
        offer.items = [_refusal(source.id, raw, arrival, Invalid(reason))]
        return offer

    @property
    def is_refused(self) -> bool:
        """Whether the database would not have some of them."""
        return any(item.unstorable for item in self.items)

    def again(self) -> list[Item]:
        """What the database would not have, turned into rejections: those are to be written instead."""
        refused = [index for index, item in enumerate(self.items) if item.unstorable]
        for index in refused:
            self.items[index] = _refusal(self._source_id, self._events[index], self._arrival, Invalid("unstorable"))
            self.rejected.append(Rejected(index, "unstorable", ""))
        return [self.items[index] for index in refused]

    def receipt(self) -> Receipt:
        """What became of them, once all is written. Raises Overloaded if even a rejection could not be."""
        if self.is_refused:
            raise Overloaded("the database refused")
        fresh = sum(item.new for item in self.items)
        duplicates = len(self.items) - fresh - len(self.rejected)
        return Receipt(len(self.items), duplicates, tuple(self.rejected))


def accept(
    source: Source,
    events: Sequence[dict[str, Any] | bytes | msgspec.Raw],
    *,
    received_at: datetime,
    sent_at: datetime | str | None = None,
    gpc: bool = False,
    kind: str | None = None,
    context: Mapping[str, Any] | None = None,
    integrations: Mapping[str, Any] | None = None,
) -> Receipt:
    """Takes wire events (dicts of JSON types, or JSON bytes) and returns when they are durable.

    Bad ones are recorded as rejections, good ones are never lost to a bad neighbour. Raises Overloaded: then the caller
    must offer all of them again; what was committed after all will count as duplicates."""
    return written(Offer(source, events, Arrival(received_at, sent_at, gpc, kind, context, integrations)))


def written(offer: Offer) -> Receipt:
    """Waits until an offer is durable. Raises Overloaded. On an event loop: `promises.written`."""
    if offer.items:
        writer.current().submit(offer.items)
    if offer.is_refused:
        writer.current().submit(offer.again())
    return offer.receipt()


def _prepared(
    source_id: UUID, events: Sequence[dict[str, Any] | bytes | msgspec.Raw], arrival: Arrival
) -> tuple[list[Item], list[Rejected]]:
    items: list[Item] = []
    rejected: list[Rejected] = []
    good: list[tuple[Item, str, bytes]] = []
    source, received = source_id.bytes, binary.microseconds(arrival.received_at)
    for index, raw in enumerate(events):
        try:
            event, at = _read(raw, arrival)
            item = Item(source, received, month=binary.month_days(at))
            good.append((item, event["messageId"], _packed(event, at)))
        except Invalid as invalid:
            item = _refusal(source_id, raw, arrival, invalid)
            rejected.append(Rejected(index, invalid.reason, invalid.field))
        items.append(item)
    _seal(source_id, good, arrival.received_at)
    return items, rejected


def _read(raw: dict[str, Any] | bytes | msgspec.Raw, arrival: Arrival) -> tuple[dict[str, Any], datetime]:
    """One event, checked, with what the batch says merged in, and when it occurred. Raises Invalid."""
    event: Any = raw
    if not isinstance(raw, dict):
        if len(memoryview(raw)) > settings.MAX_EVENT_BYTES:
            raise Invalid("event_too_large")
        try:
            event = _parse(raw)
        except (msgspec.DecodeError, RecursionError, ValueError):
            event = _mended(bytes(raw))
    if isinstance(event, dict):
        for name, common in (("context", arrival.context), ("integrations", arrival.integrations)):
            own = event.get(name)
            if common and (own is None or isinstance(own, dict)):
                event = {**event, name: {**common, **(own or {})}}
    shaped = shape(event, kind=arrival.kind, gpc=arrival.gpc)
    at = occurred(shaped, received_at=arrival.received_at, sent_at=arrival.sent_at)
    if "messageId" not in shaped:
        shaped["messageId"] = str(uuid4())
    if arrival.sent_at and "sentAt" not in shaped:
        sent_at = arrival.sent_at
        shaped["sentAt"] = sent_at.isoformat() if isinstance(sent_at, datetime) else sent_at
    return shaped, at


def _mended(raw: bytes) -> Any:
    try:
        return mended(raw)
    except (RecursionError, ValueError):
        raise Invalid("malformed") from None


def _packed(event: dict[str, Any], at: datetime) -> bytes:
    """What the inbox keeps of an event: MessagePack of when it occurred and the event. Raises Invalid."""
    try:
        packed = _pack((binary.microseconds(at), event))
    except (OverflowError, TypeError, ValueError, RecursionError):
        raise Invalid("malformed") from None  # such as a number beyond 64 bits
    if len(packed) > settings.MAX_EVENT_BYTES + 64:
        raise Invalid("event_too_large")
    return packed


def _seal(source_id: UUID, good: Sequence[tuple[Item, str, bytes]], received_at: datetime) -> None:
    """Gives each item its digest of (source, messageId) and its sealed bytes."""
    if not good:
        return
    key = keys.inbox(received_at.astimezone(UTC).date())
    prefix = source_id.hex + "\0"
    digests = blind.index_many("message", [prefix + message_id for _, message_id, _ in good])
    for (item, _, packed), digest in zip(good, digests, strict=True):
        item.digest = digest.bytes
        item.sealed = key.seal(packed, aad=aad("events_inbox", digest, "sealed"))


def _refusal(source_id: UUID, raw: Any, arrival: Arrival, invalid: Invalid) -> Item:
    """A rejection to be, with everything that a replay needs."""
    rejection_id = uuid7()
    sent_at = arrival.sent_at.isoformat() if isinstance(arrival.sent_at, datetime) else arrival.sent_at
    payload: dict[str, Any] = {"received_at": arrival.received_at.isoformat()}
    try:
        value = residue.seal(
            rejection_id,
            payload
            | {"sent_at": sent_at, "gpc": arrival.gpc, "kind": arrival.kind}
            | {"context": dict(arrival.context or {}), "integrations": dict(arrival.integrations or {})}
            | ({"raw": bytes(raw)} if isinstance(raw, bytes | msgspec.Raw) else {"event": raw}),
        )
    except (OverflowError, TypeError, ValueError, RecursionError):
        # Not expressible in MessagePack, so never to be replayed: kept to be looked at.
        value = residue.seal(rejection_id, payload | {"raw": repr(raw).encode("utf-8", "replace")})
    refusal = Refusal(rejection_id, invalid.reason, invalid.field, value)
    return Item(source_id.bytes, binary.microseconds(arrival.received_at), refusal=refusal)
