"""Requests as bytes, for generators of load that must cost little themselves."""

import base64
from typing import Any

import orjson


def request(path: str, key: str, body: Any) -> bytes:
    """An HTTP/1.1 POST with Basic authentication."""
    data = orjson.dumps(body)
    token = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data
