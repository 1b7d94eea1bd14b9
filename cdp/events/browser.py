"""What browsers ask the wire for besides sending events: an SDK's settings, and pixels with an event in the query."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from cdp.events.body import Refused

PIXELS = {
    **{f"/v1/pixel/{kind}": kind for kind in ("identify", "track", "page", "screen", "group", "alias")},
    **{f"/pixel/v1/{kind}": kind for kind in ("track", "page")},
}
# One transparent pixel (GIF89a).
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_parse = msgspec.json.Decoder(dict[str, Any]).decode


def query(environ: dict[str, Any]) -> dict[str, str]:
    """The query string's fields, each once."""
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=False, max_num_fields=50))


def settings_of(write_key: str, environ: dict[str, Any]) -> bytes:
    """The settings that Segment's browser SDK asks for: itself as the only destination, everything allowed."""
    host = environ.get("HTTP_HOST", "")
    settings = {
        "integrations": {"Segment.io": {"apiKey": write_key, "apiHost": f"{host}/v1", "bundlingStatus": "bundled"}},
        "plan": {"track": {"__default": {"enabled": True}}, "identify": {"__default": {"enabled": True}}},
    }
    return msgspec.json.encode(settings)


def event_of(environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The write key and the event of a pixel: `data` is base64 of JSON (Segment), or the fields stand in the query
    themselves (RudderStack). Raises Refused."""
    fields = query(environ)
    if "data" not in fields:
        return fields.pop("writeKey", ""), dict(fields)
    data = fields["data"].replace("-", "+").replace("_", "/").replace(" ", "+")
    try:
        event = _parse(base64.b64decode(data + "=" * (-len(data) % 4)))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        raise Refused(400, "malformed", "The pixel's data is not base64 of a JSON object.") from None
    return str(event.pop("writeKey", "") or fields.get("writeKey", "")), event
