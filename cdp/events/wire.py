"""The ingestion wire: Segment's HTTP tracking API as a small WSGI application of its own, in front of Django.

Any Segment or RudderStack SDK works unmodified: three kinds of authentication, Content-Type ignored, gzip by header or by
its magic bytes, exactly `200 {"success":true}`, errors as `{"code", "message"}`. No message ever quotes what was sent.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from cdp.access import rates
from cdp.events import accept, browser, promises
from cdp.events.accept import Arrival, Offer, Overloaded, Receipt
from cdp.events.body import Refused, read_body
from cdp.events.envelope import introduced, opened
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
        # The star covers what SDKs invent (RudderStack's: SentAt, RSA-Retry-Attempt ...), but never Authorization.
        "Authorization, Content-Type, Content-Encoding, AnonymousId, Sec-GPC, X-Retry-Count, *",
    ),
    ("Access-Control-Max-Age", "86400"),
]


_CROWDING = Refused(429, "too_many_requests", "This source sends faster than it can be taken. Come back later.")
_LATER = Refused(503, "overloaded", "Not accepted: come back later.")
_AWAY = Refused(503, "unavailable", "Not accepted: come back later.")
_FAULT = Refused(500, "internal_error", "Something failed on our side. Send it again.")
_LITTLE = 128 * 1024  # bytes of a body that an event loop reads itself: more would keep others waiting


class Answer(NamedTuple):
    """What a request is answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Taking(NamedTuple):
    """Events that are first to be written: the receipt then tells the answer. So the same code serves a thread, which waits
    for the writer, and an event loop, which does other things meanwhile."""

    offer: Offer
    answer: Callable[[Receipt], Answer]


_ACCEPTED = Answer(200, _JSON, b'{"success":true}')
_PIXEL = Answer(200, [("Content-Type", "image/gif"), _UNCACHED, _ORIGIN], browser.GIF)


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answers /v1/, /beacon/, /pixel/ and /sourceConfig requests: WSGI (PEP 3333), in a thread for each."""
    try:
        begun = _begun(environ)
        answer = begun if isinstance(begun, Answer) else begun.answer(accept.written(begun.offer))
    except Exception as error:
        answer = _failure(environ, error)
    finally:
        # Keys and sources are remembered, so this thread rarely needs a connection: dozens of threads must not keep one each.
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None and not connection.in_atomic_block:
                connection.close()
    start_response(_STATUS[answer.status], [*answer.headers, ("Content-Length", str(len(answer.body)))])
    return [answer.body]


async def answered(environ: Environ) -> Answer:
    """The same on an event loop; all of the body is already in memory behind `wsgi.input`."""
    try:
        little = int(environ["CONTENT_LENGTH"]) <= _LITTLE
        begun = await promises.from_memory(partial(_begun_anew, environ), here=little)
        return begun if isinstance(begun, Answer) else begun.answer(await promises.written(begun.offer))
    except Exception as error:
        return _failure(environ, error)


def _begun_anew(environ: Environ) -> Answer | Taking:
    environ["wsgi.input"].seek(0)
    return _begun(environ)


def _begun(environ: Environ) -> Answer | Taking:
    """Reads a request, and takes in what it brings; may be repeated."""
    path, method = environ.get("PATH_INFO", "/").rstrip("/"), environ["REQUEST_METHOD"]
    kind = SINGLE.get(path)
    if kind is None and path not in BATCH and path != METRICS and method != "OPTIONS":
        if method == "GET" and (page := _page(environ, path)):
            return page
        raise Refused(404, "not_found", "There is no such endpoint.")
    if method == "OPTIONS":  # on any path: a preflight that fails hides the answer that would say why
        return Answer(204, _PREFLIGHT, b"")
    if method != "POST":
        raise Refused(405, "method_not_allowed", "Use POST.")
    body = read_body(environ)
    if path == METRICS:
        return _ACCEPTED
    return _single(environ, body, kind) if kind else _batch(environ, body)


def _single(environ: Environ, body: bytes, kind: str) -> Taking:
    """One event, whose type the path says."""
    about = introduced(body)
    source = _source(environ, about.writeKey)
    return Taking(Offer(source, [body], Arrival(datetime.now(UTC), about.sentAt, _gpc(environ), kind)), _told)


def _told(receipt: Receipt) -> Answer:
    """The answer to a single event: a sender of one is told what is wrong with it."""
    if not receipt.rejected:
        return _ACCEPTED
    refusal = receipt.rejected[0]
    status = 413 if refusal.reason == "event_too_large" else 400
    field = f" Field: {refusal.field}." if refusal.field else ""
    raise Refused(status, refusal.reason, REASONS[refusal.reason] + field)


def _batch(environ: Environ, body: bytes) -> Taking:
    """Many events, each judged by itself."""
    envelope = opened(body)
    now = datetime.now(UTC)
    if envelope is None:
        # The whole body is the one thing that can be kept: nobody can tell how many events it was meant to be.
        source = _source(environ, None)
        return Taking(Offer.of_unreadable(source, body, "malformed", Arrival(now, gpc=_gpc(environ))), _no_batch)
    source = _source(environ, envelope.writeKey)
    if len(envelope.batch) > settings.MAX_BATCH_EVENTS:
        raise Refused(413, "too_many_events", f"A batch has at most {settings.MAX_BATCH_EVENTS} events.")
    arrival = Arrival(
        now,
        envelope.sentAt,
        _gpc(environ),
        context=envelope.context if isinstance(envelope.context, dict) else None,
        integrations=envelope.integrations if isinstance(envelope.integrations, dict) else None,
    )
    return Taking(Offer(source, envelope.batch, arrival), lambda _: _ACCEPTED)


def _no_batch(receipt: Receipt) -> Answer:
    raise Refused(400, "malformed", "The body is not JSON with a list of events called batch.")


def _page(environ: Environ, path: str) -> Answer | Taking | None:
    """What browsers fetch: an SDK's settings, and pixels. None: no such page."""
    if path.startswith("/v1/projects/") and path.endswith("/settings"):
        key = path.removeprefix("/v1/projects/").removesuffix("/settings")
        if _enabled(key) is None:
            raise Refused(404, "not_found", "There is no such project.")
        return Answer(200, [*_JSON, _UNCACHED], browser.settings_of(key, environ))
    if path == browser.SOURCE_CONFIG:
        key = _authorization(environ.get("HTTP_AUTHORIZATION", "")) or browser.query(environ).get("writeKey", "")
        if _enabled(key) is None:
            raise Refused(401, "invalid_write_key", "The write key is missing or is not one of an enabled source.")
        return Answer(200, [*_JSON, _UNCACHED], browser.source_config_of(key))
    kind = browser.PIXELS.get(path)
    if kind is None:
        return None
    write_key, event = browser.event_of(environ)
    source = _source(environ, write_key)
    return Taking(Offer(source, [event], Arrival(datetime.now(UTC), gpc=_gpc(environ), kind=kind)), lambda _: _PIXEL)


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


def _failure(environ: Environ, error: Exception) -> Answer:
    """What the sender is told; never what was sent."""
    if isinstance(error, Refused):
        refused = error
    elif isinstance(error, Overloaded):
        refused = _CROWDING if error.crowding else _LATER
    elif isinstance(error, DatabaseError | InterfaceError):
        log.warning("wire.database_away", error=type(error).__name__)
        refused = _AWAY
    else:  # its text may quote what was sent
        log.error("wire.fault", error=type(error).__name__)
        refused = _FAULT
    if (
        environ["REQUEST_METHOD"] == "GET"
        and environ.get("PATH_INFO", "").rstrip("/") in browser.PIXELS
        and refused is not _FAULT
    ):
        return _PIXEL  # an image in a page or a mail: it shows whatever happens
    headers = list(_JSON)
    if refused.status in {429, 503}:
        # Exposed, or a page of another origin cannot read it.
        headers += [("Retry-After", str(refused.retry_after)), ("Access-Control-Expose-Headers", "Retry-After")]
    if refused.status == 405:
        headers.append(("Allow", "POST, OPTIONS"))
    body = msgspec.json.encode({"code": refused.code, "message": refused.message})
    return Answer(refused.status, headers, body)
