"""What whoever sends an event can do when it is rejected, by reason code. Pure words; the meanings stand in `shape.REASONS`."""

from collections.abc import Mapping

from cdp.events.shape import REASONS

_MORE: Mapping[str, str] = {"invalid_consent": "What the event says of consent cannot be read."}
_REMEDIES: Mapping[str, str] = {
    "malformed": "Send one JSON object for each event. Check for a body that was cut off or encoded twice.",
    "missing_type": "Add type, or send to /v1/track, /v1/identify and so on: then the address says it.",
    "unknown_type": "Use one of the six types of the tracking API; an action of your own is a track call with a name.",
    "missing_id": "Add the userId of a known customer, or an anonymousId that stays the same on a device.",
    "missing_event": "Add event: what happened, such as “Order Completed”.",
    "missing_group": "Add groupId: the company, household or team that the call is about.",
    "missing_previous": "Add both: previousId is the old id, userId the new one.",
    "invalid_field": "Send the type that the tracking API has for this field: an object for properties, traits and context, "
    "a text for names, a text or number for ids.",
    "invalid_message_id": "Leave messageId out and one is made, or send a short unique text.",
    "bad_timestamp": "Send ISO 8601 with a zone, such as 2026-01-31T12:00:00Z, from the clock of the sender.",
    "event_too_large": "Send less in one event (MAX_EVENT_BYTES): no files, no whole pages.",
    "unstorable": "Replay it; if it is refused again, look into the log of the web server for the request.",
    "poisoned": "Look into the worker's log at this time; replay it when the fault is mended.",
    "unreadable": "Restore the vault that has its key, then replay it.",
    "unknown_source": "Its source was deleted while the event waited: send it to another source.",
    "invalid_consent": "Send a status and times that the documentation of consent names (docs/ingestion.md), then replay it.",
}


def meaning(reason: str) -> str:
    """The reason in words."""
    return REASONS.get(reason) or _MORE.get(reason, "")


def remedy(reason: str) -> str:
    """What to do about it."""
    return _REMEDIES.get(
        reason, "See the documentation of ingestion; a rejection can be replayed once the fault is mended."
    )
