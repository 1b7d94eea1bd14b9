"""The web process: the ingestion wire goes past Django, everything else through it."""

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

from django.core.wsgi import get_wsgi_application

_django = get_wsgi_application()

import cdp.celery  # noqa: E402, F401  (so that a task that a view sends finds the broker)
from cdp.access.keyed import KeyedHandler, is_keyed  # noqa: E402  (these need Django set up)
from cdp.events import wire  # noqa: E402
from cdp.operations import watch  # noqa: E402
from cdp.operations.reporting import Reporter  # noqa: E402
from cdp.operations.requests import measured  # noqa: E402

_keyed = KeyedHandler()
WIRE = ("/v1/", "/beacon/", "/pixel/", "/sourceConfig")


def _application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI (PEP 3333)."""
    if environ.get("PATH_INFO", "").startswith(WIRE):
        return wire.application(environ, start_response)
    return (_keyed if is_keyed(environ) else _django)(environ, start_response)


application = measured(_application)
if os.environ.get("CDP_PROCESS") == "web":  # set by `serve`: a test or a shell that imports this is no web process
    Reporter("web", watch.look).start()
