"""The real web process: the wire on its event loop, Django behind it in threads."""

import gzip
import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from cdp.events.reads import reconciliation
from cdp.sources import create
from tests.events.conftest import ADMIN, Call, basic
from tests.servers import Server

TRACK = {"event": "Order Completed", "userId": "u", "messageId": "m-1"}


def asked(web: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = (answer.status, answer.headers, answer.read())
    connection.close()
    return found


def test_wsgi_answers_alike(call: Call, counts: Callable[[], dict[str, int]]) -> None:
    for wsgi in (True, False):
        assert call("/v1/track", TRACK, wsgi=wsgi).body == b'{"success":true}'
        assert call("/v1/track", {"userId": "u"}, wsgi=wsgi).status == 400
        assert call("/v1/batch", b"{", wsgi=wsgi).json()["code"] == "malformed"
        assert call("/v1/track", TRACK, auth="", wsgi=wsgi).status == 401
        assert call("/v1/pixel/track", method="GET", auth="", query="data=%%%", wsgi=wsgi).body[:6] == b"GIF89a"
    assert counts() == {"accepted": 6, "duplicates": 1, "rejected": 4, "pending": 1}


def test_a_large_body_is_read_in_a_thread(call: Call, counts: Callable[[], dict[str, int]]) -> None:
    batch = [TRACK | {"type": "track", "messageId": f"m-{n}", "properties": {"x": "y" * 2_000}} for n in range(200)]
    assert len(json.dumps(batch)) > 256 * 1024
    assert call("/v1/batch", {"batch": batch}).status == 200
    assert counts() == {"accepted": 200, "pending": 200}


@pytest.mark.slow
def test_the_wire_and_the_pages_behind_it(server: Callable[..., Server]) -> None:
    source, key = create.create("shop", by=ADMIN)
    web, own = server(), {"Authorization": basic(key)}
    body = json.dumps(TRACK).encode()
    assert asked(web, "POST", "/v1/track", body, **own)[::2] == (200, b'{"success":true}')
    assert asked(web, "POST", "/v1/track", gzip.compress(body), **own)[0] == 200
    assert asked(web, "POST", "/v1/track", iter([body[:9], body[9:]]), **own)[0] == 200  # chunked, without a length
    assert asked(web, "POST", "/v1/batch", b" " * 600_000, **own)[0] == 413
    assert asked(web, "POST", "/v1/batch", iter([b" " * 100_000] * 6), **own)[0] == 413
    assert asked(web, "GET", "/v1/track")[0] == 405
    assert reconciliation(source.id)["accepted"] == 3

    status, headers, page = asked(web, "GET", "/admin/login/?next=/admin/%C3%A9")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "sessionid" not in str(headers)
    assert "csrftoken" in str(headers)
    assert b"/admin/%C3%A9" in page or "/admin/é".encode() in page
    assert asked(web, "HEAD", "/admin/login/")[::2] == (200, b"")
    assert asked(web, "GET", "/healthz")[::2] == (200, b'{"status": "ok"}')
    assert asked(web, "GET", "/nothing/%C3%A9")[0] == 404
    status, headers, style = asked(web, "GET", "/static/admin/css/base.css")
    assert (status, int(headers["Content-Length"])) == (200, len(style))
    large = json.dumps({"a": "b" * 1_000_000}).encode()  # streams into a thread, where it is refused
    for body in (large, large * 6):  # and still its sender reads the answer
        assert asked(web, "POST", "/api/v1/segments/", body, content_type="application/json")[0] in {401, 413}
        assert asked(web, "POST", "/v1/batch", body, **own)[0] == 413


@pytest.mark.slow
def test_a_sender_that_goes_away_costs_nothing(server: Callable[..., Server]) -> None:
    source, key = create.create("shop", by=ADMIN)
    web = server()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", web.port)) as half:
            half.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n{")
    posted = b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken=" + b"a" * 32 + b"\r\n"
    posted += b"Content-Type: application/x-www-form-urlencoded\r\n"
    workers = children(web)
    for rest in (
        b"Content-Length: 1000000\r\n\r\na=" + b"x" * 400_000,
        b"Transfer-Encoding: chunked\r\n\r\n3\r\na=x\r\n",
    ):
        with socket.create_connection(("127.0.0.1", web.port)) as half:  # its body is being read when it ends
            half.sendall(posted + rest)
            time.sleep(0.2)
    for path in (b"/admin/login/", b"/static/admin/css/base.css"):
        with socket.create_connection(("127.0.0.1", web.port)) as gone:
            gone.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert asked(web, "POST", "/v1/track", json.dumps(TRACK).encode(), Authorization=basic(key))[0] == 200
    assert asked(web, "GET", "/healthz")[0] == 200
    assert reconciliation(source.id)["accepted"] == 1
    assert children(web) == workers  # none ended, to be replaced


def children(web: Server) -> set[int]:
    """The processes of a web server."""
    assert web.process is not None
    return {it.pid for it in psutil.Process(web.process.pid).children(recursive=True)}
