"""WSGI behind RSGI: the request in CGI's words, both bodies as streams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cdp.operations.bridge import Bridge, environment

Pairs = list[tuple[str, str]]


class Headers:
    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def items(self) -> Pairs:
        return self.pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        return dict(self.pairs).get(name, default)


def scope(path: str = "/", *pairs: tuple[str, str], method: str = "GET") -> Any:
    return SimpleNamespace(
        method=method, path=path, query_string="a=%20b", headers=Headers(list(pairs)), http_version="1.1", scheme="http",
        client="192.0.2.7:4711", server="127.0.0.1:8000", authority=None,
    )  # fmt: skip


class Proto:
    """What the server would send, and a request body in parts."""

    def __init__(self, parts: Iterable[bytes] = ()) -> None:
        self.parts, self.sent, self.status, self.broken = list(parts), list[bytes](), 0, False

    async def __call__(self) -> bytes:
        return b"".join(self.parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part

    def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
        self.status, self.sent = status, [body]

    def response_stream(self, status: int, headers: Pairs) -> "Proto":
        self.status = status
        return self

    async def send_bytes(self, part: bytes) -> None:
        if self.broken:
            raise ConnectionError
        self.sent.append(part)


class Parts:
    """A WSGI answer in parts that knows whether it was closed."""

    def __init__(self, parts: Iterable[bytes], *, streaming: bool) -> None:
        self.parts, self.streaming, self.closed = parts, streaming, False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed = True


def answer(result: Any, proto: Proto, asked: Any) -> list[bytes]:
    """Serves one request that the application answers with `result`; what the application read."""
    read: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        read.append(environ["wsgi.input"].read())
        start_response("201 Created", [("X", "y")])
        return result

    asyncio.run(Bridge(application, threads=1)(asked, proto))
    assert proto.status == 201
    return read


def test_the_request_in_words_of_cgi() -> None:
    found = environment(
        scope("/a%41/é", ("x-a", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2"), ("x_forwarded_proto", "https"),
              ("content-type", "text/plain"), ("host", "shop.example")),
    )  # fmt: skip
    assert found["PATH_INFO"].encode("latin-1").decode() == "/a%41/é"  # decoded once, by the server
    assert (found["QUERY_STRING"], found["REMOTE_ADDR"], found["SERVER_PORT"]) == ("a=%20b", "192.0.2.7", "8000")
    assert (found["HTTP_X_A"], found["HTTP_COOKIE"], found["CONTENT_TYPE"]) == ("1,2", "a=1; b=2", "text/plain")
    assert found["HTTP_HOST"] == "shop.example"
    assert "HTTP_X_FORWARDED_PROTO" not in found  # an underscore must not pass for a hyphen


@pytest.mark.parametrize("size", [0, 10, 400_000])
def test_a_body_is_read_whole_or_as_it_comes(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    parts = [body[at : at + 70_000] for at in range(0, size, 70_000)]
    for headers in ([("content-length", str(size))], [("transfer-encoding", "chunked")]):
        assert answer([b"ok"], Proto(parts), scope("/", *headers, method="POST")) == [body]


def test_a_request_without_a_body() -> None:
    assert answer([b"ok"], Proto([b"not asked for"]), scope()) == [b""]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("parts", [[], [b"a"], [b"a", b"b", b"c"]])
def test_an_answer_whole_or_in_parts(parts: list[bytes], streaming: bool) -> None:
    proto, result = Proto(), Parts(parts, streaming=streaming)
    answer(result, proto, scope())
    assert proto.sent == (parts or [b""] if streaming else [b"".join(parts)])
    assert result.closed


def test_a_part_does_not_wait_for_the_next() -> None:
    proto = Proto()

    def parts() -> Iterator[bytes]:
        yield b"a"
        assert proto.sent == [b"a"]
        yield b"b"

    answer(Parts(parts(), streaming=True), proto, scope())
    assert proto.sent == [b"a", b"b"]


def test_a_reader_that_goes_away_ends_the_answer() -> None:
    proto, result = Proto(), Parts([b"a", b"b"], streaming=True)
    proto.broken = True
    with pytest.raises(ConnectionError):
        answer(result, proto, scope())
    assert result.closed
