"""The steward's queue in a real browser: a wrong merge is found from the quality page, understood, parted with a key, undone with
another, parted again, and stays so after a rebuild."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.console.conftest import NOW, World, populate, secrets_of
from tests.journeys.test_admin_pages import _CHROMIUM, PASSWORD, browser, signed_in
from tests.people import ALICE, BOB
from tests.servers import Server, server

__all__ = ["browser", "server"]
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture
def site(server: Callable[..., Server]) -> tuple[Server, World]:
    """A web server on two people whom somebody made one by mistake."""
    from cdp.access.roles import ensure_roles
    from cdp.access.users import create_user
    from cdp.audit import SYSTEM
    from identity import decide, quality

    ensure_roles()
    create_user("steward", "steward", PASSWORD, by=SYSTEM)
    world = populate()
    decide.same_person(world.alice, world.bob, by=SYSTEM, at=NOW)
    scan = quality.begin(at=NOW)
    while quality.step(scan.id, at=NOW):
        pass
    return server(), world


def people() -> int:
    """How many profiles there are, and that a rebuild finds them right; in another thread than the browser's loop."""

    def count() -> int:
        from django.db import connections

        from identity.models import Profile
        from identity.rebuild import rebuild

        try:
            assert rebuild() == 0
            return Profile.objects.count()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(count).result()


def test_a_wrong_merge_is_found_understood_and_undone(site: tuple[Server, World], browser: Any) -> None:
    it, _ = site
    page, errors = signed_in(browser, it, "steward")
    page.set_default_timeout(60_000)
    page.goto(f"{it.url}/admin/people/quality/")
    assert "given names" in page.inner_text("#suspects")
    page.click("text=Compare the two")
    page.wait_for_selector(".verdict")
    assert "decided by a steward" in page.content()
    assert "differ" in page.inner_text("table.pairs")
    assert not [secret for person in (ALICE, BOB) for secret in secrets_of(person) if secret in page.content()]
    page.keyboard.press("d")
    page.wait_for_selector("text=1 answered: different people")
    assert people() == 2
    page.keyboard.press("z")
    page.wait_for_selector("text=taken back: all is as it was")
    assert people() == 1
    page.keyboard.press("d")
    page.wait_for_selector("text=1 answered: different people")
    assert people() == 2
    assert errors == []
