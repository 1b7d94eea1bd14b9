"""Every request, of every door: counted and timed by route pattern, and written to the log.

It stands around all of Django and the wire, for the wire goes past Django. Neither labels nor log lines hold the path as
it was sent: only the pattern that it matched.
"""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import structlog
from django.conf import settings

from cdp import metrics
from cdp.access.middleware import REQUEST_ID, ROUTE
from cdp.events import browser, wire

log = structlog.get_logger("cdp.requests")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
UNMATCHED, STATIC = "(none)", "/static/"
# Counted, but nobody wants to read of them.
QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/favicon.ico", STATIC})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WIRE = frozenset({*wire.SINGLE, *wire.BATCH, wire.METRICS, *browser.PIXELS})
_observe, _wanted = metrics.HTTP.observe, settings.ACCESS_LOG


def note(environ: dict[str, Any], status: str, began: float) -> None:
    """Counts, times and (if so set) writes down a request that is answered. `status`: three digits; `began`: of perf_counter."""
    took = perf_counter() - began
    inside = environ.get(ROUTE)  # of Django's doors; the wire is too quick to look for patterns
    route = inside or _route(environ["PATH_INFO"])
    method = environ["REQUEST_METHOD"]
    if method not in _METHODS:
        method = "other"
    _observe(took, route, method, status)
    if _wanted == "all" or (_wanted != "off" and (status >= "400" or (inside and _wanted == "doors"))):
        _write(route, method, status, took, environ.get(REQUEST_ID))


def measured(application: Application) -> Application:
    """The WSGI application (PEP 3333), with each of its requests noted."""

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, status = perf_counter(), "500"

        def answering(line: str, *more: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, *more)

        try:
            return application(environ, answering)
        finally:
            note(environ, status, began)

    return outer


def _route(path: str) -> str:
    if path in _WIRE:
        return path
    if path.startswith(STATIC):
        return STATIC
    return path.rstrip("/") if path.rstrip("/") in _WIRE else UNMATCHED


def _write(route: str, method: str, status: str, took: float, request_id: str | None) -> None:
    if route not in QUIET:
        ms = round(took * 1000, 1)
        log.info("request", route=route, method=method, status=int(status), ms=ms, request_id=request_id)
