"""The web process: the ingestion wire goes past Django, everything else through it."""

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

from django.core.wsgi import get_wsgi_application

_django = get_wsgi_application()

from cdp.events import wire  # noqa: E402  (it needs Django set up)

WIRE = ("/v1/", "/beacon/", "/pixel/", "/sourceConfig")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI (PEP 3333)."""
    if environ.get("PATH_INFO", "").startswith(WIRE):
        return wire.application(environ, start_response)
    return _django(environ, start_response)
