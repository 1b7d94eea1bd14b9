"""What becomes of a request that ends in an exception outside of any view: where the client has gone, nothing; else one log
line with its type and place, and a 500."""

import logging
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
import structlog
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # exported, but not said to be

from cdp.access.problems import MEDIA_TYPE, as_problem, body
from cdp.ids import uuid7

log = logging.getLogger(__name__)


def answer(proto: Any, error: Exception) -> None:
    """Answers an RSGI request that raised `error`. An answer that has begun is left where it is: short of its length."""
    if isinstance(error, ProtocolClosed):
        return  # nobody waits any more, and who hangs up has done no wrong
    asked, problem = SimpleNamespace(request_id=str(uuid7())), as_problem(error)
    if problem.status_code >= 500:
        with structlog.contextvars.bound_contextvars(request_id=asked.request_id):
            log.error("unhandled exception in the web process", exc_info=error)
    headers = [("content-type", MEDIA_TYPE), ("cache-control", "private, no-cache"), ("x-request-id", asked.request_id)]
    with suppress(ProtocolClosed):
        proto.response_bytes(problem.status_code, headers, msgspec.json.encode(body(problem, asked)))
