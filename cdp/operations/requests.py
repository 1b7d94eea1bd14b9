"""Every request, of every door: counted and timed by route pattern, and written to the log.

WSGI (PEP 3333) around the whole application, since the ingestion wire goes past Django. Neither labels nor log lines
hold the path as it was sent: only the pattern that it matched.
"""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import structlog
from django.conf import settings

from cdp import metrics
from cdp.access.middleware import REQUEST_ID, ROUTE
from cdp.events import browser, wire

log = structlog.get_logger("cdp.access")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
UNMATCHED, STATIC = "(none)", "/static/"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/healthz", "/readyz", "/metrics", STATIC})  # counted, but nobody wants to read of them
_WIRE = frozenset({*wire.SINGLE, *wire.BATCH, wire.METRICS, *browser.PIXELS})


def measured(application: Application) -> Application:
    """The application, with each of its requests counted, timed and logged."""
    observe, wanted = metrics.HTTP.observe, settings.ACCESS_LOG

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, status = perf_counter(), "500"

        def answering(line: str, *more: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, *more)

        try:
            return application(environ, answering)
        finally:
            took = perf_counter() - began
            inside = environ.get(ROUTE)  # of Django's doors; the wire is too quick to look for patterns
            route = inside or _route(environ.get("PATH_INFO", "").rstrip("/"))
            method = environ["REQUEST_METHOD"]
            if method not in _METHODS:
                method = "other"
            observe(took, route, method, status)
            if wanted == "all" or (wanted != "off" and (status >= "400" or (inside and wanted == "doors"))):
                _write(environ, route, method, status, took)

    return outer


def _route(path: str) -> str:
    if path in _WIRE:
        return path
    return STATIC if path.startswith(STATIC) else UNMATCHED


def _write(environ: dict[str, Any], route: str, method: str, status: str, took: float) -> None:
    if route in QUIET:
        return
    log.info(
        "request",
        route=route,
        method=method,
        status=int(status),
        ms=round(took * 1000, 1),
        request_id=environ.get(REQUEST_ID, ""),
    )
