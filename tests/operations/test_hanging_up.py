"""Clients that go away at any moment, at the real web server: nobody's error. What is one is told once, without its text."""

import http.client
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.access.keys import create_key
from tests.access.conftest import BY
from tests.people import ALICE
from tests.servers import Server, free_port, server

__all__ = ["server"]
pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "vault"])]
LARGE = "/static/unfold/css/styles.css"  # does not fit into a socket's buffers


def hang_up(port: int, sent: str, *, reading: int = 0, abruptly: bool) -> None:
    """Sends this, reads so much of the answer and goes: in order (FIN) or not (RST)."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as it:
        it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        it.sendall(sent.encode())
        if reading:
            assert it.recv(reading)
        else:
            time.sleep(0.05)  # so that the request is there before its end
        if abruptly:
            it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def asked(path: str, *headers: str, method: str = "GET", body: str = "") -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", body])


def lines(log: Path) -> list[dict[str, Any]]:
    """What the log says, but for requests."""
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert not [line for line in log.read_text().splitlines() if "Traceback" in line]
    return [line for line in found if line["event"] != "request"]


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_client_that_goes_away_is_no_error(server: Callable[..., Server], tmp_path: Path, *, abruptly: bool) -> None:
    _, token = create_key("test", ["*"], BY)
    log = tmp_path / "log"
    port = server(log=log).port
    key, post = f"Authorization: Bearer {token}", "/api/v1/consents/check/"
    begun = [
        "GET /admin/ HTTP/1.1\r\nHo",
        asked("/admin/login/"),
        asked("/api/v1/segments/", key),
        asked(post, key, "Content-Length: 100", method="POST", body='{"kind": '),
        asked(post, key, "Content-Length: 900000", method="POST", body='{"kind": ' + " " * 100_000),
        asked(post, key, "Transfer-Encoding: chunked", method="POST", body="9\r\n{'kind': \r\n"),
        asked("/v1/batch", "Content-Length: 100", method="POST", body='{"batch": '),
        asked("/v1/batch", "Transfer-Encoding: chunked", method="POST", body="9\r\n{'batch':\r\n"),
    ]
    for sent in begun:
        hang_up(port, sent, abruptly=abruptly)
    for reading in (0, 100):
        hang_up(port, asked(LARGE), reading=reading, abruptly=abruptly)
    # The server goes on, and whoever stays is answered.
    for path, status in (("/healthz", 200), ("/admin/login/", 200), ("/api/v1/segments/", 401)):
        assert fetched(port, path)[0] == status
    time.sleep(1)
    assert lines(log) == []


def test_a_file_that_the_client_has_already(server: Callable[..., Server], tmp_path: Path) -> None:
    log = tmp_path / "log"
    port = server(log=log).port
    status, headers, body = fetched(port, LARGE)
    assert (status, int(headers["content-length"])) == (200, len(body))
    since = {"If-Modified-Since": headers["last-modified"]}
    assert fetched(port, LARGE, **since)[::2] == (304, b"")
    status, again, body = fetched(port, LARGE, method="HEAD")
    assert (status, again["content-length"], body) == (200, headers["content-length"], b"")
    time.sleep(0.5)
    assert lines(log) == []


def fetched(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


@pytest.fixture
def raising(clean: None, child_environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A web server whose application raises; its port and its log."""
    port, log = free_port(), tmp_path / "log"
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from granian.server import Server\n"
        f"Server('tests.operations.raising:app', port={port}, interface='rsgi', log_dictconfig=settings.LOGGING).serve()"
    )
    environment = child_environment | {"DJANGO_SETTINGS_MODULE": "cdp.settings"}
    with log.open("ab") as file:
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=file)
    try:
        until = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until
            time.sleep(0.1)
        yield port, log
    finally:
        process.terminate()
        process.wait(30)


def test_a_true_exception_is_one_line_and_a_problem(raising: tuple[int, Path]) -> None:
    port, log = raising
    status, headers, body = fetched(port, "/admin/")
    problem = json.loads(body)
    assert (status, headers["content-type"], problem["code"]) == (500, "application/problem+json", "internal")
    # An answer that has begun cannot become another. Whoever hung up before it broke off would hear nothing of it.
    with socket.create_connection(("127.0.0.1", port), timeout=20) as it:
        it.sendall(asked("/half").encode())
        answer = b""
        while b"half" not in answer:
            answer += it.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"problem" not in answer
        until = time.monotonic() + 20
        while len(faults := [line for line in lines(log) if line["level"] == "error"]) < 2 and time.monotonic() < until:
            time.sleep(0.1)
    first, second = faults
    assert (first["exception"], first["level"], second["exception"]) == (
        "builtins.KeyError",
        "error",
        "builtins.KeyError",
    )
    assert any("raising.py" in place for place in first["at"])
    assert first["request_id"] == problem["request_id"] == headers["x-request-id"]
    assert ALICE.email not in log.read_text() + body.decode()
