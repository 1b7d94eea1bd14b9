"""What browsers ask the wire for besides sending events: their SDK's settings, and pixels with an event in the query."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from django.conf import settings

from cdp.events.body import Refused

PIXELS = {
    **{f"/v1/pixel/{kind}": kind for kind in ("identify", "track", "page", "screen", "group", "alias")},
    **{f"/pixel/v1/{kind}": kind for kind in ("track", "page")},
}
SOURCE_CONFIG = "/sourceConfig"
# One transparent pixel (GIF89a).
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_parse = msgspec.json.Decoder(dict[str, Any]).decode


def query(environ: dict[str, Any]) -> dict[str, str]:
    """The query string's fields, each once."""
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=False, max_num_fields=50))


def settings_of(write_key: str, environ: dict[str, Any]) -> bytes:
    """The settings that Segment's browser SDK asks for: itself as the only destination, everything allowed."""
    host = environ.get("HTTP_HOST", "")
    ours = {
        "apiKey": write_key,
        "apiHost": f"{host}/v1",
        "protocol": _protocol(environ, host),  # the SDK's own default is https
        "bundlingStatus": "bundled",
        "deliveryStrategy": {"config": {"keepalive": True}},  # what was sent just before the page goes still arrives
    }
    answer = {
        "integrations": {"Segment.io": ours},
        "plan": {"track": {"__default": {"enabled": True}}, "identify": {"__default": {"enabled": True}}},
        "metrics": {"sampleRate": 0, "host": ours["apiHost"]},  # else the SDK reports on itself to Segment
    }
    return msgspec.json.encode(answer)


def _protocol(environ: dict[str, Any], host: str) -> str:
    """How the browser reaches us: as PUBLIC_URL has it, else as the proxy or the server saw it."""
    public = urlsplit(settings.PUBLIC_URL)
    if host == public.netloc:
        return public.scheme
    forwarded = environ.get("HTTP_X_FORWARDED_PROTO", "")
    return forwarded if forwarded in {"http", "https"} else str(environ.get("wsgi.url_scheme", "http"))


def source_config_of(write_key: str) -> bytes:
    """The configuration that RudderStack's browser SDK asks for (`configUrl`): an enabled source without destinations,
    and no reports of the SDK on itself."""
    silent = {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}}
    source = {
        "id": "cdp",
        "name": "cdp",
        "writeKey": write_key,
        "enabled": True,
        "workspaceId": "cdp",
        "config": silent,
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    return msgspec.json.encode({"source": source, "updatedAt": "2026-01-01T00:00:00.000Z"})


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
