"""The ingestion wire: Segment's HTTP tracking API as a small WSGI application of its own, in front of Django.

Any Segment or RudderStack SDK works unmodified: three kinds of authentication, Content-Type ignored, gzip by header or by
its magic bytes, exactly `200 {"success":true}`, errors as `{"code", "message"}`. No message ever quotes what was sent.
"""

import base64
import binascii
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from cdp.access import rates
from cdp.events import browser
from cdp.events.accept import Overloaded, Receipt, accept, reject
from cdp.events.body import Refused, read_body
from cdp.events.mend import mended
from cdp.events.shape import REASONS
from cdp.sources import lookup
from cdp.sources.lookup import SourceInfo

log = structlog.get_logger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

SINGLE = {
    **{f"/v1/{kind}": kind for kind in ("identify", "track", "page", "screen", "group", "alias", "merge")},
    "/v1/i": "identify",
    "/v1/t": "track",
    "/v1/p": "page",
    "/v1/s": "screen",
    "/v1/g": "group",
    "/v1/a": "alias",
}
BATCH = frozenset({"/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"})
METRICS = "/v1/m"
_SUCCESS = b'{"success":true}'
_STATUS = {
    200: "200 OK", 204: "204 No Content", 400: "400 Bad Request", 401: "401 Unauthorized", 404: "404 Not Found",
    405: "405 Method Not Allowed", 413: "413 Content Too Large", 429: "429 Too Many Requests",
    500: "500 Internal Server Error", 503: "503 Service Unavailable",
}  # fmt: skip
_ORIGIN = ("Access-Control-Allow-Origin", "*")
_UNCACHED = ("Cache-Control", "no-store")
_JSON = [("Content-Type", "application/json"), _ORIGIN]
_PREFLIGHT = [
    _ORIGIN,
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Content-Encoding, AnonymousId, Sec-GPC, X-Retry-Count",
    ),
    ("Access-Control-Max-Age", "86400"),
]


_CROWDING = Refused(429, "too_many_requests", "This source sends faster than it can be taken. Come back later.")
_LATER = Refused(503, "overloaded", "Not accepted: come back later.")


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


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answers /v1/, /beacon/, /pixel/ and /sourceConfig requests."""
    try:
        return _dispatch(environ, start_response)
    except Refused as refused:
        return _error(start_response, refused)
    except Overloaded as overloaded:
        return _error(start_response, _CROWDING if overloaded.crowding else _LATER)
    except (DatabaseError, InterfaceError) as error:
        log.warning("wire.database_away", error=type(error).__name__)
        return _error(start_response, Refused(503, "unavailable", "Not accepted: come back later."))
    except Exception as error:  # its text may quote what was sent
        log.error("wire.fault", error=type(error).__name__)
        return _error(start_response, Refused(500, "internal_error", "Something failed on our side. Send it again."))
    finally:
        # Keys and sources are remembered, so this thread rarely needs a connection: dozens of threads must not keep one each.
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None and not connection.in_atomic_block:
                connection.close()


def _dispatch(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    path, method = environ.get("PATH_INFO", "/").rstrip("/"), environ["REQUEST_METHOD"]
    kind = SINGLE.get(path)
    if kind is None and path not in BATCH and path != METRICS and method != "OPTIONS":
        if method == "GET" and (page := _page(environ, path)):
            return _respond(start_response, 200, *page)
        raise Refused(404, "not_found", "There is no such endpoint.")
    if method == "OPTIONS":  # on any path: a preflight that fails hides the answer that would say why
        start_response(_STATUS[204], _PREFLIGHT)
        return []
    if method != "POST":
        raise Refused(405, "method_not_allowed", "Use POST.")
    body = read_body(environ)
    if path == METRICS:
        return _respond(start_response, 200, _SUCCESS)
    receipt = _single(environ, body, kind) if kind else _batch(environ, body)
    if kind and receipt.rejected:
        refusal = receipt.rejected[0]
        status = 413 if refusal.reason == "event_too_large" else 400
        field = f" Field: {refusal.field}." if refusal.field else ""
        raise Refused(status, refusal.reason, REASONS[refusal.reason] + field)
    return _respond(start_response, 200, _SUCCESS)


def _single(environ: Environ, body: bytes, kind: str) -> Receipt:
    """One event, whose type the path says."""
    about = _introduced(body)
    source = _source(environ, about.writeKey)
    return accept(source, [body], received_at=datetime.now(UTC), sent_at=about.sentAt, gpc=_gpc(environ), kind=kind)


def _introduced(body: bytes) -> About:
    try:
        return _about(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass
    try:
        value = mended(body)
        return About(value.get("writeKey"), value.get("sentAt"))
    except (RecursionError, ValueError, AttributeError):
        return About()


def _opened(body: bytes) -> Envelope | None:
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


def _batch(environ: Environ, body: bytes) -> Receipt:
    """Many events, each judged by itself."""
    envelope = _opened(body)
    if envelope is None:
        # The whole body is the one thing that can be kept: nobody can tell how many events it was meant to be.
        source, now = _source(environ, None), datetime.now(UTC)
        reject(source, body, "malformed", received_at=now, gpc=_gpc(environ))
        raise Refused(400, "malformed", "The body is not JSON with a list of events called batch.")
    source = _source(environ, envelope.writeKey)
    if len(envelope.batch) > settings.MAX_BATCH_EVENTS:
        raise Refused(413, "too_many_events", f"A batch has at most {settings.MAX_BATCH_EVENTS} events.")
    return accept(
        source,
        envelope.batch,
        received_at=datetime.now(UTC),
        sent_at=envelope.sentAt,
        gpc=_gpc(environ),
        context=envelope.context if isinstance(envelope.context, dict) else None,
        integrations=envelope.integrations if isinstance(envelope.integrations, dict) else None,
    )


def _page(environ: Environ, path: str) -> tuple[bytes, list[tuple[str, str]]] | None:
    """What browsers fetch: an SDK's settings, and pixels. None: no such page."""
    if path.startswith("/v1/projects/") and path.endswith("/settings"):
        key = path.removeprefix("/v1/projects/").removesuffix("/settings")
        if _enabled(key) is None:
            raise Refused(404, "not_found", "There is no such project.")
        return browser.settings_of(key, environ), [*_JSON, _UNCACHED]
    if path == browser.SOURCE_CONFIG:
        key = _authorization(environ.get("HTTP_AUTHORIZATION", "")) or browser.query(environ).get("writeKey", "")
        if _enabled(key) is None:
            raise Refused(401, "invalid_write_key", "The write key is missing or is not one of an enabled source.")
        return browser.source_config_of(key), [*_JSON, _UNCACHED]
    kind = browser.PIXELS.get(path)
    if kind is None:
        return None
    # A pixel is an image in a page or a mail: it shows whatever happens.
    with contextlib.suppress(Refused, Overloaded, DatabaseError, InterfaceError):
        write_key, event = browser.event_of(environ)
        accept(_source(environ, write_key), [event], received_at=datetime.now(UTC), gpc=_gpc(environ), kind=kind)
    return browser.GIF, [("Content-Type", "image/gif"), _UNCACHED, _ORIGIN]


def _source(environ: Environ, write_key: object) -> SourceInfo:
    """The source of the write key in the Authorization header (Basic or Bearer), the body or the query."""
    given = _authorization(environ.get("HTTP_AUTHORIZATION", "")) or write_key or browser.query(environ).get("writeKey")
    source = _enabled(given) if isinstance(given, str) else None
    if source is None:
        raise Refused(401, "invalid_write_key", "The write key is missing or is not one of an enabled source.")
    wait = rates.wire_wait(source.id)
    if wait:
        raise Refused(429, "rate_limited", "This source has reached its rate limit. Come back later.", retry_after=wait)
    return source


def _enabled(write_key: str) -> SourceInfo | None:
    source = lookup.by_write_key(write_key)
    return source if source and source.enabled else None


def _authorization(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _gpc(environ: Environ) -> bool:
    """Global Privacy Control (https://www.w3.org/TR/gpc/): only the value 1 means something."""
    return bool(environ.get("HTTP_SEC_GPC", "").strip() == "1")


def _respond(
    start_response: StartResponse, status: int, body: bytes, headers: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    start_response(_STATUS[status], [*(headers or _JSON), ("Content-Length", str(len(body)))])
    return [body]


def _error(start_response: StartResponse, refused: Refused) -> Iterable[bytes]:
    headers = [*_JSON, ("Retry-After", str(refused.retry_after))] if refused.status in {429, 503} else list(_JSON)
    if refused.status == 405:
        headers.append(("Allow", "POST, OPTIONS"))
    return _respond(
        start_response, refused.status, msgspec.json.encode({"code": refused.code, "message": refused.message}), headers
    )
