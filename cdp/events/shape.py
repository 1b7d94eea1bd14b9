"""What a wire event must look like (Segment's HTTP tracking API), and when it happened. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp.catalogue.builtin import IDENTIFIER_NAMES

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias", "merge"})
MESSAGE_ID_LENGTH = 100
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, tzinfo=UTC)
_OBJECTS = ("context", "traits", "properties", "integrations")
_TEXTS = ("event", "name", "category")
_IDS = ("userId", "anonymousId", "groupId", "previousId")
_MERGED = range(2, 11)  # how many identifiers a merge call may name

# Reason codes, as documented in docs/ingestion.md, and what each says to whoever sent the event.
REASONS: Mapping[str, str] = {
    "malformed": "The event is not a JSON object.",
    "missing_type": "The event has no type.",
    "unknown_type": "The type is none of identify, track, page, screen, group, alias, merge.",
    "missing_id": "The event has neither a userId nor an anonymousId.",
    "missing_event": "A track call needs the name of the event.",
    "missing_group": "A group call needs a groupId.",
    "missing_previous": "An alias call needs a userId and a previousId.",
    "invalid_merge": "A merge call needs mergeProperties: a list of 2 to 10 objects, each with the type of an identifier "
    "(such as email, phone, user_id, anonymous_id) and its value.",
    "invalid_field": "The field has a value of the wrong type.",
    "invalid_message_id": f"The messageId is a text of 1 to {MESSAGE_ID_LENGTH} characters.",
    "bad_timestamp": "The time is not an ISO 8601 date and time between 1970 and 2100.",
    "event_too_large": "The event is larger than the limit.",
    "unstorable": "The database refused the event.",
    "poisoned": "The event could not be processed.",
    "unreadable": "The event could not be opened: its key is gone or its bytes are damaged.",
    "unknown_source": "The source of the event is no longer known.",
}


class Invalid(Exception):
    """An event that cannot be taken. Holds a reason code and the name of a wire field, never a value."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{reason} {field}".rstrip())
        self.reason, self.field = reason, field


def moment(value: object, field: str = "timestamp") -> datetime:
    """An ISO 8601 text (or a datetime) as an aware time; without an offset it is UTC. Raises Invalid."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Invalid("bad_timestamp", field) from None
    if not isinstance(value, datetime):
        raise Invalid("bad_timestamp", field)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def skew(sent_at: object, received_at: datetime) -> timedelta:
    """How far the sender's clock is behind ours: `received_at - sentAt`; nothing when it gives no usable time."""
    if sent_at is None or sent_at == "":
        return timedelta()
    try:
        return received_at - moment(sent_at, "sentAt")
    except (Invalid, OverflowError):
        return timedelta()


def occurred(event: Mapping[str, Any], *, received_at: datetime, sent_at: object) -> datetime:
    """When it happened by our clock: `timestamp + (receivedAt - sentAt)`, as Segment's specification has it.

    The sender's own time stands in `timestamp` or, from some SDKs, in `originalTimestamp`; without either it is the
    time of receipt. Raises Invalid."""
    for field in ("timestamp", "originalTimestamp"):
        value = event.get(field)
        if value is None or value == "":
            continue
        try:
            at = (moment(value, field) + skew(event.get("sentAt") or sent_at, received_at)).astimezone(UTC)
        except OverflowError:
            raise Invalid("bad_timestamp", field) from None
        if not EARLIEST <= at <= LATEST:
            raise Invalid("bad_timestamp", field)
        return at
    return received_at.astimezone(UTC)


def shape(event: Any, *, kind: str | None = None, gpc: bool = False) -> dict[str, Any]:
    """A checked copy of a wire event: ids as texts, empty ones dropped, the type from the path (`kind`) if there is one,
    `context.traits` folded into an identify's traits, `context.gpc` set from the header. Raises Invalid."""
    if not isinstance(event, dict):
        raise Invalid("malformed")
    shaped = {name: value for name, value in event.items() if value is not None}
    shaped.pop("writeKey", None)  # a secret of the source, not part of the event
    shaped["type"] = kind or _type(shaped)
    for name in _OBJECTS:
        if shaped.get(name) == []:  # how PHP writes an empty object
            shaped[name] = {}
        if name in shaped and not isinstance(shaped[name], dict):
            raise Invalid("invalid_field", name)
    for name in _TEXTS:
        if name in shaped and not isinstance(shaped[name], str):
            raise Invalid("invalid_field", name)
    for name in _IDS:
        if name in shaped:
            _identifier(shaped, name)
    _required(shaped)
    _message_id(shaped)
    if gpc:
        shaped["context"] = {**shaped.get("context", {}), "gpc": True}
    return _folded(shaped) if shaped["type"] == "identify" else shaped


def _type(event: Mapping[str, Any]) -> str:
    kind = event.get("type")
    if kind is None or kind == "":
        raise Invalid("missing_type", "type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise Invalid("unknown_type", "type")
    return kind


def _identifier(event: dict[str, Any], name: str) -> None:
    value = event[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = event[name] = str(value)
    if not isinstance(value, str):
        raise Invalid("invalid_field", name)
    if not value.strip():
        del event[name]


def _required(event: Mapping[str, Any]) -> None:
    if "userId" not in event and "anonymousId" not in event:
        raise Invalid("missing_id", "userId")
    kind = event["type"]
    if kind == "track" and not event.get("event", "").strip():
        raise Invalid("missing_event", "event")
    if kind == "group" and "groupId" not in event:
        raise Invalid("missing_group", "groupId")
    if kind == "alias":
        for name in ("userId", "previousId"):
            if name not in event:
                raise Invalid("missing_previous", name)
    if kind == "merge":
        _mergeable(event.get("mergeProperties"))


def _mergeable(said: Any) -> None:
    """RudderStack's merge call: https://www.rudderstack.com/docs/event-spec/standard-events/merge/"""
    if not isinstance(said, list) or len(said) not in _MERGED:
        raise Invalid("invalid_merge", "mergeProperties")
    for one in said:
        kind, value = (one.get("type"), one.get("value")) if isinstance(one, dict) else (None, None)
        known = isinstance(kind, str) and kind in IDENTIFIER_NAMES
        if not known or isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise Invalid("invalid_merge", "mergeProperties")


def _message_id(event: dict[str, Any]) -> None:
    """Leaves a text or nothing: without one, the event gets one when it is accepted."""
    value = event.get("messageId", "")
    if isinstance(value, int) and not isinstance(value, bool):
        value = event["messageId"] = str(value)
    if not isinstance(value, str) or len(value) > MESSAGE_ID_LENGTH or not _encodable(value):
        raise Invalid("invalid_message_id", "messageId")
    if not value:
        event.pop("messageId", None)


def _encodable(text: str) -> bool:
    """False for a lone surrogate, which a file (never JSON bytes) may bring."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _folded(event: dict[str, Any]) -> dict[str, Any]:
    """RudderStack's SDKs put an identify's traits into the context only."""
    context = event.get("context")
    if not context or "traits" not in context:
        return event
    traits = context["traits"]
    if traits is not None and not isinstance(traits, dict):
        raise Invalid("invalid_field", "context.traits")
    event["context"] = {name: value for name, value in context.items() if name != "traits"}
    event["traits"] = {**(traits or {}), **event.get("traits", {})}
    return event
