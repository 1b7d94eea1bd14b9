"""WSGI applications (PEP 3333) behind an RSGI server: each request in a thread of a pool, both bodies as streams.

RSGI is Granian's interface (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md). The web process needs it
for the ingestion wire, which waits on the event loop; Django's views and the database driver want threads.
"""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from django.core.exceptions import BadRequest
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # exported, but not said to be

from cdp.operations.threads import Threads

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_SMALL = 256 * 1024  # bytes of a request body that wait in memory, so that a slow sender holds no thread
_BLOCK = 64 * 1024  # of files that are sent
_WITHOUT_BODY = frozenset({204, 304})  # the server has closed such an answer before its first part could be sent
_FORGOTTEN = 16 * 1024 * 1024  # bytes of a request body that are taken in though nobody reads them


class CutShort(BadRequest):
    """The client went away before its body had ended: a 400 that nobody reads, so that no half of a body passes for a whole."""


class Bridge:
    """An RSGI application around a WSGI one. An answer goes out in parts, each at once, if it says so as Django's do
    (`streaming`)."""

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._threads = Threads(threads, "web")

    async def __call__(self, scope: Any, proto: Any) -> None:
        """Answers one request."""
        loop = asyncio.get_running_loop()
        environ = environment(scope)
        environ["wsgi.input"] = body = await _body(scope, proto, loop)
        whole = await self._threads.run(loop, self._answer, environ, proto, loop)
        if whole is not None:
            if isinstance(body, io.BufferedReader):
                await body.raw.forget()
            proto.response_bytes(*whole)

    def _answer(
        self, environ: dict[str, Any], proto: Any, loop: asyncio.AbstractEventLoop
    ) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """Status, headers and body; None for an answer that went out in parts."""
        begun: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            begun[:] = [(int(status[:3]), headers)]

        result: Any = self._application(environ, start_response)
        try:
            if hasattr(result, "block_size"):  # Django reads files in small blocks; each would be a trip to the loop
                result.block_size = _BLOCK
            parts = iter(result)
            first = next(parts, b"")  # by now the application has begun its answer
            if not getattr(result, "streaming", False):
                return *begun[0], b"".join((first, *parts))
            if environ["REQUEST_METHOD"] == "HEAD" or begun[0][0] in _WITHOUT_BODY:
                return *begun[0], b""
            stream = _in(loop, _stream(proto, *begun[0]))
            for part in chain((first,), parts):
                _in(loop, stream.send_bytes(part))
            return None
        finally:
            if hasattr(result, "close"):
                result.close()


def environment(scope: Any) -> dict[str, Any]:
    """The request in the words of WSGI and CGI (RFC 3875), without `wsgi.input`."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),  # RSGI has taken the percent signs out
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope.headers.items():
        key = _variable(name)
        if key is None or (not key.startswith("HTTP_") and environ[key]):
            continue
        before = environ.get(key)
        environ[key] = f"{before}{'; ' if name == 'cookie' else ','}{value}" if before else value
    if "HTTP_HOST" not in environ and scope.authority:  # HTTP/2
        environ["HTTP_HOST"] = scope.authority
    return environ


@lru_cache(1024)
def _variable(name: str) -> str | None:
    """The variable of a header; None for a name with an underscore: it could pass for another header's."""
    key = name.upper().replace("-", "_")
    return None if "_" in name else key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


async def _body(scope: Any, proto: Any, loop: asyncio.AbstractEventLoop) -> Any:
    length = scope.headers.get("content-length")
    if length is None and scope.headers.get("transfer-encoding") is None and not scope.http_version.startswith("2"):
        return io.BytesIO()
    if length is not None and length.isdigit() and int(length) <= _SMALL:
        return io.BytesIO(await proto() if int(length) else b"")
    return io.BufferedReader(_Incoming(aiter(proto), loop, int(length) if length and length.isdigit() else 0), _BLOCK)


class _Incoming(io.RawIOBase):
    """A request's body as it comes in, read from a thread. `announced`: its bytes, where the sender said how many."""

    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop, announced: int) -> None:
        self._chunks, self._loop, self._left = chunks, loop, memoryview(b"")
        self._missing = announced

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end. Raises CutShort."""
        while not self._left:
            try:
                chunk = _in(self._loop, _next(self._chunks))
            except ProtocolClosed:
                raise CutShort from None
            if chunk is None:
                if self._missing > 0:  # the server tells a body that broke off no different from one that ended
                    raise CutShort
                return 0
            self._left = memoryview(bytes(chunk))
            self._missing -= len(self._left)
        taken = min(len(buffer), len(self._left))
        buffer[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        return taken

    async def forget(self) -> None:
        """Takes in what is left: a sender reads its answer only after it has sent all."""
        size = 0
        while size < _FORGOTTEN and (chunk := await _next(self._chunks)) is not None:
            size += len(chunk)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    # Not anext(chunks, None): in CPython 3.11 that ends the process where another's awaitable, as Granian's, comes to its end.
    try:
        return await chunks.__anext__()
    except StopAsyncIteration:
        return None


async def _stream(proto: Any, status: int, headers: list[tuple[str, str]]) -> Any:
    return proto.response_stream(status, headers)


def _in(loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
    """What a coroutine of the loop returns, for a thread that waits for it."""
    return asyncio.run_coroutine_threadsafe(_awaited(coroutine), loop).result()


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
