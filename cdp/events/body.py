"""The body of a wire request: read within limits, inflated if it is gzip."""

import zlib
from typing import Any

from django.conf import settings

_GZIP = b"\x1f\x8b\x08"  # magic bytes (RFC 1952): some SDKs send gzip without saying so
_CHUNK = 64 * 1024
_PATIENCE = 20  # times the largest body


class Refused(Exception):
    """A request that is answered with an error. Holds no value of what was sent."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 2) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.retry_after = retry_after  # seconds; told with 429 and 503


def read_body(environ: dict[str, Any]) -> bytes:
    """The body, inflated. Raises Refused: 413 when it is larger than MAX_BATCH_BYTES before or after inflation (without
    inflating further), 400 when it is broken gzip."""
    limit = settings.MAX_BATCH_BYTES
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    stream = environ["wsgi.input"]
    # Without a length the body is chunked: read to the end, or to one byte beyond the limit.
    body: bytes = stream.read(int(declared)) if declared.isdigit() else _all(stream, limit)
    if len(body) > limit:
        raise _too_large(limit)
    if body[:3] == _GZIP:  # no JSON begins so; a proxy may have inflated it and left the header
        return inflate(body, limit)
    return body


async def gathered(declared: str | None, incoming: Any) -> bytes:
    """The body of an RSGI request as it was sent, at most one byte more than MAX_BATCH_BYTES of it: so much, or a larger
    declared length, is refused by `read_body`. A sender reads its answer only after it has sent all, so what is too much
    comes in too, up to _PATIENCE times the limit, and is forgotten."""
    limit = settings.MAX_BATCH_BYTES
    if declared and declared.isdigit() and int(declared) <= limit:
        return bytes(await incoming()) if declared != "0" else b""
    parts: list[bytes] = []
    size = 0
    async for part in incoming:
        if size <= limit:
            parts.append(bytes(part))
        size += len(part)
        if size > limit * _PATIENCE:
            break
    return b"".join(parts)[: limit + 1]


def _all(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= limit and (part := stream.read(min(_CHUNK, limit + 1 - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def inflate(body: bytes, limit: int) -> bytes:
    """Inflates gzip, of one or more members, never to more than `limit` bytes. Raises Refused."""
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            part = member.decompress(body, limit + 1 - size)
        except zlib.error:
            raise _broken() from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        if not member.eof:
            raise _broken()  # it ended before its end, or would inflate to more than was asked for
        body = member.unused_data
    return b"".join(parts)


def _broken() -> Refused:
    return Refused(400, "malformed", "The body is not complete gzip.")


def _too_large(limit: int) -> Refused:
    return Refused(413, "body_too_large", f"A request body has at most {limit} bytes, after inflation too.")
