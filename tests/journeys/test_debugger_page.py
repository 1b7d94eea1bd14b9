"""The live event debugger in a real browser: a first event appears, waits, is stored, is opened, is revealed."""

import base64
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.test_admin_pages import _CHROMIUM, PASSWORD, browser, signed_in
from tests.people import ALICE
from tests.servers import Server, server

__all__ = ["browser", "server"]
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


def send(it: Server, key: str, event: dict[str, Any]) -> None:
    """One event, as any HTTP client sends it."""
    request = urllib.request.Request(f"{it.url}/v1/batch", json.dumps({"batch": [event]}).encode())
    request.add_header("Authorization", f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}")
    urllib.request.urlopen(request, timeout=60).read()


@pytest.fixture
def site(server: Callable[..., Server]) -> tuple[Server, str]:
    """A web server with a source, a steward and an administrator; nothing has arrived."""
    from cdp.access.roles import ensure_roles
    from cdp.access.users import create_user
    from cdp.audit import SYSTEM
    from cdp.sources.create import create

    ensure_roles()
    for role in ("admin", "steward"):
        create_user(role, role, PASSWORD, by=SYSTEM)
    _, key = create("shop", by=SYSTEM)
    return server(), key


def work() -> None:
    """The pipeline's part, in another thread than the browser's loop."""
    from concurrent.futures import ThreadPoolExecutor
    from datetime import UTC, datetime

    from django.db import connections

    from cdp.pipeline.batch import run_batch

    def run() -> None:
        run_batch(100, now=datetime.now(UTC), slot=0)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_a_first_event_is_seen_to_arrive(site: tuple[Server, str], browser: Any) -> None:
    it, key = site
    page, errors = signed_in(browser, it, "steward")
    page.set_default_timeout(60_000)
    page.goto(f"{it.url}/admin/data/debugger/")
    page.wait_for_selector("text=Waiting for the first event")
    page.fill("[data-key]", key)
    assert key in page.inner_text("[data-code=curl]")
    order = {"type": "track", "event": "Order Completed", "userId": ALICE.user_id}
    order["properties"] = {"revenue": 49.5, "email": ALICE.email}
    send(it, key, order)
    page.wait_for_selector("[data-rows] li:has-text('pending')")
    work()
    page.wait_for_selector("[data-rows] li:has-text('stored')")
    assert page.locator("[data-rows] li").count() == 1
    page.keyboard.press("Escape")
    page.locator("[data-rows] li").click()
    page.wait_for_selector("[data-drawer] :text('49.5')")
    assert ALICE.email not in page.content()
    page.fill("[data-drawer] input", "The shop's developer asks")
    page.click("[data-drawer] button:has-text('Open for ten minutes')")
    page.wait_for_selector(f"[data-drawer] :text('{ALICE.email}')")
    page.keyboard.press("Escape")
    assert page.locator("[data-drawer]").is_hidden()
    assert errors == []


def test_pause_filter_find_and_the_reason_of_a_rejection(site: tuple[Server, str], browser: Any) -> None:
    it, key = site
    page, errors = signed_in(browser, it, "admin")
    page.set_default_timeout(60_000)
    page.goto(f"{it.url}/admin/data/debugger/")
    page.wait_for_selector("text=Waiting for the first event")
    send(it, key, {"type": "track", "userId": ALICE.user_id})
    page.wait_for_selector("[data-rows] li:has-text('rejected')")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-drawer] :text('Why it was rejected')")
    assert "name of the event" in page.inner_text("[data-drawer]")
    page.keyboard.press("Space")
    assert "Paused" in page.inner_text("[data-state]")
    page.click("[data-outcome=rejected]")
    assert page.locator("[data-rows] li").count() == 0
    page.fill("[data-search] input", "never-sent")
    page.click("[data-search] button")
    page.wait_for_selector("text=No event with this message id is kept")
    assert ALICE.user_id not in page.content()
    assert errors == []
