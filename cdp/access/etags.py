"""Conditional requests (RFC 9110, section 13): read only what changed, and never overwrite what one has not seen."""

import hashlib

from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem


def etag_of(version: object) -> str:
    """A strong entity tag of the representation itself (bytes), or of anything whose `str` changes when that does."""
    said = version if isinstance(version, bytes) else str(version).encode()
    return f'"{hashlib.blake2s(said, digest_size=12).hexdigest()}"'


def _named(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def conditional(request: Request, version: object) -> Response | None:
    """What the request's precondition decides about an object of this version.

    GET and HEAD: a 304 answer to return, if `If-None-Match` names this version, else None. Other methods: raises a 412
    Problem if `If-Match` names another version (or `If-None-Match: *` asks that there be none), else None. `version`
    must take in whatever changes the answer: for people, also whether the reader sees identifying values.
    """
    tag = etag_of(version)
    if request.method in {"GET", "HEAD"}:
        # Weak comparison: W/ is ignored, proxies that compress add it.
        asked = [other.removeprefix("W/") for other in _named(request.headers.get("If-None-Match", ""))]
        if tag in asked or "*" in asked:
            return Response(status=304, headers={"ETag": tag})
        return None
    expected = _named(request.headers.get("If-Match", ""))
    if (expected and tag not in expected and "*" not in expected) or request.headers.get("If-None-Match") == "*":
        raise Problem(
            412,
            "changed_meanwhile",
            "It has changed meanwhile",
            "The version you name is not the present one.",
            remedy="Read it again and repeat the change with the new ETag in If-Match.",
            headers={"ETag": tag},
        )
    return None


def tagged(response: Response, version: object) -> Response:
    """The response with the ETag of this version."""
    response["ETag"] = etag_of(version)
    return response
