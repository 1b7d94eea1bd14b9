"""What stands around events in a request: read strictly and quickly, and mended where strict reading fails."""

from typing import Any

import msgspec

from cdp.events.mend import mended


class Envelope(msgspec.Struct):
    """The body of a batch. Events stay raw, so that each is measured, parsed and judged by itself."""

    batch: list[msgspec.Raw]
    writeKey: Any = None  # noqa: N815 - the wire's name
    sentAt: Any = None  # noqa: N815
    context: Any = None
    integrations: Any = None


class About(msgspec.Struct):
    """What a single call says besides its event."""

    writeKey: Any = None  # noqa: N815
    sentAt: Any = None  # noqa: N815


_envelope = msgspec.json.Decoder(Envelope).decode
_about = msgspec.json.Decoder(About).decode


def introduced(body: bytes) -> About:
    """What a single call says besides its event; nothing if it cannot be read."""
    try:
        return _about(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass
    try:
        value = mended(body)
        return About(value.get("writeKey"), value.get("sentAt"))
    except (RecursionError, ValueError, AttributeError):
        return About()


def opened(body: bytes) -> Envelope | None:
    """The envelope of a batch; None if it is none."""
    try:
        return _envelope(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass
    try:
        value = mended(body)
        known = {name: value.get(name) for name in ("writeKey", "sentAt", "context", "integrations")}
        return Envelope([msgspec.Raw(msgspec.json.encode(event)) for event in value["batch"]], **known)
    except (RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return None
