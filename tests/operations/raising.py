"""The web process with something wrong in it, for Granian to run: every request outside of the wire ends in an exception."""

from collections.abc import Callable, Iterator
from typing import Any

from cdp import rsgi
from cdp.operations.bridge import Bridge
from cdp.rsgi import app
from tests.people import ALICE

__all__ = ["app"]


class _Halves:
    """An answer that breaks off."""

    streaming = True

    def __iter__(self) -> Iterator[bytes]:
        yield b"half"
        raise KeyError(ALICE.email)


def _application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    if environ["PATH_INFO"] != "/half":
        raise KeyError(ALICE.email)
    start_response("200 OK", [("Content-Length", "8")])
    return _Halves()


rsgi._others = Bridge(_application, threads=2)
