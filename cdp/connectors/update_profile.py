"""What another system knows of one customer, as an identify and track events through the same accept as the wire.

Each part of the body is one object or a list of them. Demographic data are traits. An object of behavioral or transactional data
is one event: `event` names it, `timestamp` says when, `id` is its sender's own id, and all the rest are its properties.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings

from cdp.events.accept import Receipt, accept
from cdp.events.shape import REASONS, Invalid, occurred, shape
from cdp.sources.lookup import SourceInfo

TRAITS = "demographic_data"
# What an event is called when its sender gives it no name.
EVENTS = {"behavioral_data": "Behavior Recorded", "transactional_data": "Transaction Recorded"}
_FIELDS = {"messageId": "id", "userId": "customer_id"}
_exact = msgspec.msgpack.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Told:
    """One object of the body as a wire event: `place` is its path in the body, such as `behavioral_data.0`."""

    place: str
    event: dict[str, Any]


class Unusable(Exception):
    """Some objects cannot become events; nothing was taken. `errors`: (path in the body, what is wrong), no values."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("unusable objects")
        self.errors = list(errors)


def update_profile(
    source: SourceInfo, said: Mapping[str, Any], *, idempotency_key: str, at: datetime
) -> tuple[list[Told], Receipt]:
    """Takes what is said of `customer_id` and returns when it is durable: the events it became, and what accept says of them.

    Sent again with the same key, or for events with the same `id`, it counts as duplicates. Raises Unusable, and
    Overloaded: then offer all of it again."""
    told = list(events_of(said, idempotency_key=idempotency_key))
    errors = [error for one in told if (error := _unusable(one, at))]
    if errors:
        raise Unusable(errors)
    return told, accept(source, [one.event for one in told], received_at=at)


def events_of(said: Mapping[str, Any], *, idempotency_key: str) -> Iterator[Told]:
    """The objects of the body as wire events. Pure, but for the ids of events that cannot be recognised again."""
    customer, known_at = said["customer_id"], said.get("timestamp")
    for place, one in _objects(said, TRAITS):
        event = {"type": "identify", "userId": customer, "traits": one}
        yield Told(place, _timed(event, known_at) | {"messageId": _message_id(idempotency_key, place, event)})
    for part, name in EVENTS.items():
        for place, one in _objects(said, part):
            properties = {key: value for key, value in one.items() if key not in {"event", "timestamp", "properties"}}
            nested = one.get("properties", {})
            event = {"type": "track", "userId": customer, "event": one.get("event", name)}
            event["properties"] = properties | nested if isinstance(nested, dict) else nested
            own_id = one.get("id")
            message_id = _digest(customer, part, own_id) if own_id else _message_id(idempotency_key, place, event)
            yield Told(place, _timed(event, one.get("timestamp", known_at)) | {"messageId": message_id})


def _objects(said: Mapping[str, Any], part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    given = said.get(part)
    if isinstance(given, dict):
        if given:
            yield part, given
    else:
        yield from ((f"{part}.{index}", one) for index, one in enumerate(given or ()))


def _timed(event: dict[str, Any], timestamp: Any) -> dict[str, Any]:
    return event if timestamp is None else event | {"timestamp": timestamp}


def _message_id(idempotency_key: str, place: str, event: dict[str, Any]) -> str:
    """The same for the same content under the same key; something else under that key must not count as a duplicate."""
    return _digest(idempotency_key, place, event) if idempotency_key else f"update-{uuid4()}"


def _digest(*parts: Any) -> str:
    return "update-" + blake2b(_exact(parts), digest_size=20).hexdigest()


def _unusable(one: Told, at: datetime) -> tuple[str, str] | None:
    """What accept would reject, found beforehand: here the sender can still correct it."""
    try:
        shape(one.event)
        occurred(one.event, received_at=at, sent_at=None)
        if len(_exact(one.event)) > settings.MAX_EVENT_BYTES:
            raise Invalid("event_too_large")
    except Invalid as invalid:
        field = _FIELDS.get(invalid.field, invalid.field)
        return f"{one.place}.{field}".rstrip("."), REASONS[invalid.reason]
    return None
