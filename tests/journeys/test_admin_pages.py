"""Admin in a real browser: every page of every role opens without an error of script or of content security, the home page
keeps itself up to date, and a steward looks somebody up, reveals, asks why and masks again."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.console.conftest import NOW, World, populate, secrets_of
from tests.people import ALICE
from tests.servers import Server, server

__all__ = ["server"]

PASSWORD = "a password for tests"
ROLES = ("admin", "steward", "marketer", "analyst", "compliance")
PEOPLE = {"steward", "marketer"}
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture
def site(server: Callable[..., Server]) -> tuple[Server, World]:
    """A web server on the two people's database, with a user for each role and a segment."""
    from cdp.access.roles import ensure_roles
    from cdp.access.users import create_user
    from cdp.audit import SYSTEM
    from segments.define import define

    ensure_roles()
    for role in ROLES:
        create_user(role, role, PASSWORD, by=SYSTEM)
    world = populate()
    define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    return server(), world


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield chromium
        chromium.close()


def signed_in(browser: Any, it: Server, role: str) -> tuple[Any, list[str]]:
    """A page of somebody who signed in, and the list to which every error of the browser is added."""
    page, errors = browser.new_page(), list[str]()
    page.on("console", lambda said: errors.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    page.goto(f"{it.url}/admin/login/")
    page.fill("input[name=username]", role)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("text=What became of them")
    return page, errors


def test_every_page_of_every_role(site: tuple[Server, World], browser: Any) -> None:
    it, _ = site
    for role in ROLES:
        page, errors = signed_in(browser, it, role)
        links = page.locator("#nav-sidebar-apps a").evaluate_all("links => links.map(link => link.href)")
        assert len(links) >= 3
        assert any("/identity/profile/" in link for link in links) == (role in PEOPLE)
        for link in links:
            answer = page.goto(link)
            assert answer.status == 200, link
            assert not [secret for secret in secrets_of(ALICE) if secret in page.content()], (role, link)
        assert errors == []
        page.close()


def test_the_home_page_keeps_itself_up_to_date(site: tuple[Server, World], browser: Any) -> None:
    from django.db import connections

    from cdp.events.store import settle

    def one_more() -> None:
        settle({(world.shop.id, "accepted"): 4321, (world.shop.id, "stored"): 4321}, slot=0)
        connections.close_all()

    it, world = site
    page, errors = signed_in(browser, it, "analyst")
    with ThreadPoolExecutor(1) as pool:  # the browser's own loop occupies this thread
        pool.submit(one_more).result()
    page.wait_for_selector("text=4,329", timeout=30_000)
    assert errors == []


def test_a_steward_finds_reveals_asks_why_and_masks(site: tuple[Server, World], browser: Any) -> None:
    it, world = site
    page, errors = signed_in(browser, it, "steward")
    page.goto(f"{it.url}/admin/identity/profile/")
    page.fill("input[name=value]", ALICE.email)
    page.click("button:has-text('Find')")
    page.wait_for_url(f"**/{world.alice}/change/")
    assert "A••• A•••" in page.inner_text(".who h2")
    page.click("text=Reveal")
    page.fill("input[name=reason]", "Customer asked on the phone")
    page.click("text=Open for ten minutes")
    page.wait_for_selector(f".who h2:has-text('{ALICE.first} {ALICE.last}')")
    assert ALICE.email not in page.url
    for tab, expected in (
        ("records", "shop"),
        ("timeline", "ring twice 0"),
        ("consents", "permitted"),
        ("history", ""),
    ):
        page.click(f"[data-tab={tab}]")
        assert expected in page.inner_text(f"[data-pane={tab}]")
    page.click("[data-tab=segments]")
    page.click("[data-pane=segments] button:has-text('Why?')")
    page.wait_for_selector("[data-pane=segments] .tree:has-text('found: NL')")
    page.click("text=Mask again")
    page.wait_for_selector("text=Reveal")
    assert not [secret for secret in secrets_of(ALICE) if secret in page.content()]
    assert errors == []
