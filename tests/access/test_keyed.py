"""Requests with a key go past what is for pages, and are answered alike."""

import io
import json
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application

from cdp.access.keyed import KeyedHandler, is_keyed
from cdp.access.keys import create_key
from cdp.audit import SYSTEM

pytestmark = pytest.mark.django_db
OF_PAGES = {"X-Frame-Options", "Vary"}  # headers that say nothing about data


def asked(
    application: Any, path: str, token: str, method: str = "GET", body: bytes = b""
) -> tuple[str, Any, dict[str, str]]:
    begun: list[Any] = []
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": f"/api/v1/{path}", "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.version": (1, 0),
    }  # fmt: skip
    assert is_keyed(environ)
    answer = application(environ, lambda *said: begun.append(said))
    content = b"".join(answer)
    status, headers = begun[0][:2]
    return status, json.loads(content) if content else None, dict(headers)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "sources/", b""),
        ("GET", "sources", b""),  # to the address with a slash
        ("GET", "sources/?x=1", b""),
        ("POST", "sources/", b'{"name": ""}'),
        ("POST", "sources/", b"{"),
        ("GET", "nothing/", b""),
        ("DELETE", "sources/", b""),
    ],
)
def test_both_handlers_answer_alike(method: str, path: str, body: bytes) -> None:
    _, token = create_key("reader", ["sources:read", "sources:write"], SYSTEM)
    for given in (token, "wrong"):
        one = asked(get_wsgi_application(), path, given, method, body)
        other = asked(KeyedHandler(), path, given, method, body)
        assert one[:2] == other[:2] or without_ids(one[1]) == without_ids(other[1])
        assert one[2].keys() - OF_PAGES == other[2].keys() - OF_PAGES
        assert other[2]["X-Content-Type-Options"] == "nosniff"


def without_ids(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name not in ("instance", "request_id")}


def test_who_has_no_key_is_no_concern_of_it() -> None:
    assert not is_keyed({"PATH_INFO": "/api/v1/sources/"})
    assert not is_keyed({"PATH_INFO": "/api/v1/sources/", "HTTP_AUTHORIZATION": "Basic eDo="})
    assert not is_keyed({"PATH_INFO": "/admin/", "HTTP_AUTHORIZATION": "Bearer x"})
