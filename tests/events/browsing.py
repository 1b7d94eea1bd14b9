"""A site of its own origin, and a browser whose every request is noted: for the SDKs of browsers."""

import functools
import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from django.db import connection, connections

from tests.events.sdk_calls import MODULES, SCRIPTS

Value = TypeVar("Value")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EXAMPLE = SCRIPTS.parent.parent / "docs" / "examples" / "consent-first"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
ANALYTICS = MODULES / "@segment" / "analytics-next" / "dist" / "umd"
RUDDER = MODULES / "@rudderstack" / "analytics-js" / "dist" / "npm" / "modern" / "bundled" / "umd"
_FOLDERS = {"analytics": ANALYTICS, "rudder": RUDDER, "sdks": SCRIPTS, "shop": EXAMPLE}


class _Pages(http.server.SimpleHTTPRequestHandler):
    """The files of the folders above; in pages, the write key and the platform's address are filled in."""

    def __init__(self, *given: Any, told: dict[str, str], **more: Any) -> None:
        self.told = told
        super().__init__(*given, **more)

    def do_GET(self) -> None:
        folder, _, name = self.path.partition("?")[0].strip("/").partition("/")
        path = _FOLDERS.get(folder, SCRIPTS) / (name or "index.html")
        if not path.is_file():
            self.send_response(204 if folder == "favicon.ico" else 404)
            self.end_headers()
            return
        body = path.read_bytes()
        if path.suffix == ".html":
            for placeholder, value in self.told.items():
                body = body.replace(placeholder.encode(), value.encode())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@dataclass
class Visit:
    """A browser on the site."""

    context: Any
    site: str
    platform: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def page(self, path: str) -> Any:
        """A new page; its requests and errors are noted. No `page.route`: what is intercepted dies with its page."""
        page = self.context.new_page()
        page.on("request", lambda it: self.requests.append(it.url))
        page.on("console", lambda it: self.errors.append(it.text) if it.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.site}/{path}")
        return page

    def elsewhere(self) -> list[str]:
        """Requests to anybody but the site and the platform."""
        return [url for url in self.requests if not url.startswith((self.site, self.platform, "data:", "blob:"))]

    def to_platform(self) -> list[str]:
        """The paths asked of the platform."""
        return [url.removeprefix(self.platform) for url in self.requests if url.startswith(self.platform)]


def aside(work: Callable[[], Value]) -> Value:
    """Does something with the database in a thread of its own: the browser's loop occupies this one."""

    def _work() -> Value:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_work).result()


def waiting() -> int:
    """How many events have arrived and wait for the pipeline."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_inbox")
        return int(cursor.fetchone()[0])


def arrive(page: Any, n: int, seconds: float = 120) -> None:
    """Waits until n events wait, while the browser goes on."""
    until = time.monotonic() + seconds
    while aside(waiting) < n and time.monotonic() < until:
        page.wait_for_timeout(200)
    page.wait_for_timeout(500)  # one more than n would show
    arrived = aside(waiting)
    assert arrived == n


@pytest.fixture
def visit() -> Iterator[Callable[..., Visit]]:
    """`visit(platform, write_key)`: a new browser profile on a site that sends to the platform."""
    from playwright.sync_api import sync_playwright

    servers: list[http.server.ThreadingHTTPServer] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)

        def _visit(platform: str, write_key: str) -> Visit:
            told = {"WRITE_KEY": write_key, "http://localhost:8000": platform}
            handler = functools.partial(_Pages, told=told)
            servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
            return Visit(chromium.new_context(), f"http://127.0.0.1:{servers[-1].server_port}", platform)

        yield _visit
        chromium.close()
    for server in servers:
        server.shutdown()
        server.server_close()
