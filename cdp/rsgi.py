"""The web process as Granian runs it: the ingestion wire on the event loop, everything else through WSGI in threads.

`cdp.wsgi` serves the same to any WSGI server, only slower.
"""

import gc
import io
import signal
from time import perf_counter
from typing import Any

from cdp.wsgi import WIRE, application  # first: it sets Django up

# isort: split
from django.conf import settings

from cdp.events import wire
from cdp.events.body import gathered
from cdp.operations import faults
from cdp.operations.bridge import Bridge, environment
from cdp.operations.family import die_with_parent
from cdp.operations.requests import note

# Granian starts this process. One that outlived it would go on answering beside its successor; what it acked is committed.
die_with_parent(signal.SIGKILL)

# What the imports made stays for ever: the collector need not look through it again and again. What Django leaves behind of a
# request are circles, about sixty objects: seldom enough that it costs little, not so seldom that all wait while it is cleared.
gc.collect()
gc.freeze()
gc.set_threshold(5_000, 50, 100)

_others = Bridge(application, threads=settings.WEB_THREADS)


async def app(scope: Any, proto: Any) -> None:
    """RSGI. Nothing is raised to the server, which would write the texts of exceptions down."""
    try:
        await (_wire if scope.path.startswith(WIRE) else _others)(scope, proto)
    except Exception as error:
        faults.answer(proto, error)


async def _wire(scope: Any, proto: Any) -> None:
    began = perf_counter()
    environ = _posted(scope) if scope.method == "POST" else environment(scope)
    body = await gathered(scope.headers.get("content-length"), proto)
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    answer = await wire.answered(environ)
    proto.response_bytes(answer.status, answer.headers, answer.body)
    note(environ, str(answer.status), began)


def _posted(scope: Any) -> dict[str, Any]:
    """All that the wire asks about a POST; `environment` would cost as much as the parsing of an event."""
    header = scope.headers.get
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": scope.path,
        "QUERY_STRING": scope.query_string,
        "HTTP_AUTHORIZATION": header("authorization", ""),
        "HTTP_SEC_GPC": header("sec-gpc", ""),
    }
