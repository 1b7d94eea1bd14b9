"""Sources, and the wire called in-process."""

import asyncio
import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from cdp import audit
from cdp.events.reads import reconciliation
from cdp.events.wire import answered, application
from cdp.sources import create
from cdp.sources.lookup import SourceInfo, info_of
from tests.servers import Server, server  # noqa: F401

pytest.register_assert_rewrite("tests.events.browsing", "tests.events.sdk_calls")

ADMIN = audit.Actor("user", "test")


@dataclass(frozen=True)
class Shop:
    """A source with its write key."""

    info: SourceInfo
    key: str


_TABLES = "events_inbox, events_seen, events_event, events_tally, events_rejection, sources_source, audit_pending"


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits, as the group commit needs them; afterwards this room's tables are emptied, which is quicker than
    new databases."""
    with django_db_blocker.unblock():
        yield
        for alias in connections:
            connections[alias].close()
        with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"]) as admin:
            admin.execute(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE")


@pytest.fixture
def shop(committed: None) -> Shop:
    source, key = create.create("shop", by=ADMIN)
    return Shop(info_of(source), key)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Call = Callable[..., Answer]


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


@pytest.fixture
def call(shop: Shop) -> Call:
    """`call(path, body, auth=..., **headers)` on an event loop, as the web process does it, and then through the WSGI
    application with `wsgi=True`; the shop's key by Basic unless told."""

    def _call(
        path: str,
        body: Any = None,
        *,
        auth: str | None = None,
        method: str = "POST",
        query: str = "",
        wsgi: bool = False,
        **headers: str,
    ) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        environ: dict[str, Any] = {
            "PATH_INFO": path, "REQUEST_METHOD": method, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(data)),
            "wsgi.input": io.BytesIO(data), "HTTP_HOST": "testserver",
        } | {f"HTTP_{name.upper()}": value for name, value in headers.items()}  # fmt: skip
        if (given := basic(shop.key) if auth is None else auth) != "":
            environ["HTTP_AUTHORIZATION"] = given
        if not wsgi:
            answer = asyncio.run(answered(environ))
            return Answer(answer.status, dict(answer.headers), answer.body)
        seen: list[Any] = []
        parts = application(environ, lambda status, found: seen.append((status, found)))
        status, found = seen[0]
        return Answer(int(status.split()[0]), dict(found), b"".join(parts))

    return _call


@pytest.fixture
def counts(shop: Shop) -> Callable[[], dict[str, int]]:
    """The shop's reconciliation, without the zeros; checks that it adds up."""

    def _counts() -> dict[str, int]:
        found = reconciliation(shop.info.id)
        assert found["accepted"] == sum(n for outcome, n in found.items() if outcome != "accepted")
        return {outcome: n for outcome, n in found.items() if n}

    return _counts
