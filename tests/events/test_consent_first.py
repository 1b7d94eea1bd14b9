"""docs/examples/consent-first, the very files, in a browser: nothing before the visitor answers, their answer with every event,
withdrawal, and Global Privacy Control."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cdp.pipeline.batch import run_batch
from cdp.sources import create
from consent.models import LedgerEntry
from consent.purposes import ensure_purpose
from tests.events.browsing import ANALYTICS, Visit, arrive, aside, needs_chromium, visit
from tests.events.conftest import ADMIN
from tests.events.sdk_calls import needs
from tests.people import ALICE
from tests.servers import Server

__all__ = ["visit"]
pytestmark = [needs_chromium, needs(ANALYTICS / "standalone.js")]
SIGNAL = "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })"
Start = Callable[[], Visit]


@pytest.fixture
def shop(server: Callable[..., Server]) -> tuple[str, str]:
    """The platform's address and the write key of a source that serves the purpose `analytics` by consent."""
    for purpose in ("analytics", "marketing"):
        ensure_purpose(purpose, basis="consent", by=ADMIN)
    _, key = create.create("shop", purposes=[("analytics", "consent")], by=ADMIN)
    return server().url, key


@pytest.fixture
def start(shop: tuple[str, str], visit: Callable[..., Visit]) -> Start:
    """A visitor of the shop. After `shop`: once the browser runs, this thread may not touch the database."""
    return lambda: visit(*shop)


def process() -> dict[str, int]:
    total: dict[str, int] = {}
    while (done := run_batch(500, now=datetime.now(UTC), slot=1)).claimed:
        for outcome, n in done.outcomes.items():
            total[outcome] = total.get(outcome, 0) + n
    return total


def ledger() -> list[tuple[str, str, str]]:
    """What it says, oldest first."""
    return list(
        LedgerEntry.objects.order_by("recorded_at", "purpose").values_list("purpose", "status", "method").distinct()
    )


def lines() -> int:
    return LedgerEntry.objects.count()


def kept(page: Any) -> list[str]:
    """What analytics.js keeps in the browser."""
    names: list[str] = page.evaluate(
        "[...Object.keys(localStorage), ...document.cookie.split('; ')].filter((name) => name.startsWith('ajs_'))"
    )
    return names


def answer(page: Any, choice: str) -> None:
    page.click(f"#consent button[data-consent={choice}]")


def buy(page: Any) -> None:
    page.click("#buy")


def test_nothing_before_the_answer_and_nothing_after_a_refusal(start: Start) -> None:
    it = start()
    page = it.page("shop/")
    page.wait_for_selector("#consent[open]")
    assert not page.is_checked("input[value=analytics]")
    buy(page)
    assert (page.evaluate("localStorage.length"), page.evaluate("document.cookie")) == (0, "")
    answer(page, "none")
    buy(page)
    page.reload()
    page.wait_for_timeout(1000)
    assert not page.is_visible("#consent")  # an answer is an answer
    buy(page)
    page.wait_for_timeout(1000)
    assert (it.to_platform(), it.elsewhere(), it.errors) == ([], [], [])
    assert not any("standalone.js" in url for url in it.requests)
    assert kept(page) == []


def test_the_answer_travels_with_every_event_and_can_be_withdrawn(start: Start) -> None:
    it = start()
    page = it.page("shop/")
    page.check("input[value=analytics]")
    answer(page, "chosen")
    buy(page)
    page.fill("[name=user]", ALICE.user_id)
    page.fill("[name=email]", ALICE.email)
    page.click("#sign-in button")
    buy(page)
    arrive(page, 4)  # the page, an order, who it is, an order
    assert aside(process) == {"stored": 4}
    assert aside(ledger) == [("analytics", "granted", "web_form"), ("marketing", "denied", "web_form")]
    so_far = aside(lines)
    assert so_far <= 6  # under each set of identifiers once for each purpose, not once for each event
    page.reload()
    page.wait_for_function("window.analytics?.initialized === true")
    buy(page)
    arrive(page, 2)
    aside(process)
    assert aside(lines) <= so_far + 2

    page.click("footer [data-consent=ask]")
    assert page.is_checked("input[value=analytics]")
    answer(page, "none")
    arrive(page, 1)
    assert aside(process) == {"denied": 1}  # the withdrawal is written down, its event is not kept
    assert ("analytics", "withdrawn", "web_form") in aside(ledger)
    buy(page)
    page.wait_for_timeout(2000)
    arrive(page, 0)
    assert kept(page) == []
    assert (it.elsewhere(), it.errors) == ([], [])


def test_a_withdrawal_that_cannot_be_sent_is_sent_later(start: Start) -> None:
    it = start()
    page = it.page("shop/")
    answer(page, "all")
    arrive(page, 1)
    assert aside(process) == {"stored": 1}
    it.context.set_offline(True)
    page.click("footer [data-consent=ask]")
    answer(page, "none")
    page.wait_for_timeout(500)
    it.context.set_offline(False)
    page.reload()
    arrive(page, 1)
    assert aside(process) == {"denied": 1}
    assert {("analytics", "withdrawn", "web_form"), ("marketing", "withdrawn", "web_form")} <= set(aside(ledger))


def test_global_privacy_control_is_a_refusal_that_need_not_be_asked_for(start: Start) -> None:
    it = start()
    it.context.add_init_script(SIGNAL)
    page = it.page("shop/")
    page.wait_for_timeout(1000)
    assert not page.is_visible("#consent")
    buy(page)
    page.wait_for_timeout(500)
    assert (it.to_platform(), it.errors) == ([], [])
    page.click("footer [data-consent=ask]")  # but one may still agree
    answer(page, "all")
    arrive(page, 1)
    assert it.elsewhere() == []


def test_the_signal_withdraws_an_earlier_agreement(start: Start) -> None:
    it = start()
    page = it.page("shop/")
    answer(page, "all")
    arrive(page, 1)
    it.context.add_init_script(SIGNAL)
    page.reload()
    arrive(page, 2)
    aside(process)
    assert {("analytics", "withdrawn", "gpc"), ("marketing", "withdrawn", "gpc")} <= set(aside(ledger))
    assert kept(page) == []
    assert it.errors == []
