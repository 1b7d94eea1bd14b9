"""analytics.js and RudderStack's analytics-js, unmodified, in a page of another origin: what they send arrives, and not one
request goes to anybody else."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from cdp.events.reads import reconciliation
from cdp.sources import create
from tests.events.browsing import ANALYTICS, RUDDER, Visit, arrive, aside, needs_chromium, visit
from tests.events.conftest import ADMIN
from tests.events.sdk_calls import needs, taken
from tests.people import ALICE
from tests.servers import Server

__all__ = ["visit"]
pytestmark = needs_chromium
Go = Callable[..., Visit]
BATCHING = {"strategy": "batching", "config": {"size": 50, "timeout": 60_000}}


@pytest.fixture
def shop(server: Callable[..., Server]) -> tuple[Any, str, str]:
    source, key = create.create("shop", by=ADMIN)
    return source, key, server().url


def page_of(name: str, **options: Any) -> str:
    return f"sdks/{name}#{quote(json.dumps(options))}"


@needs(ANALYTICS / "standalone.js")
def test_analytics_js(shop: tuple[Any, str, str], visit: Go) -> None:
    source, key, platform = shop
    it = visit(platform, key)
    page = it.page(page_of("analytics_js.html"))
    page.evaluate(
        """([id, email]) => {
            analytics.page("Shop", "Home");
            analytics.identify(id, { email, plan: "gold" });
            analytics.track("Order Completed", { total: 12.5 });
            analytics.screen("Basket");
            analytics.group("g-1", { size: 2 });
            analytics.alias(id, "u-old");
        }""",
        [ALICE.user_id, ALICE.email],
    )
    arrive(page, 6)
    arrived = aside(taken)
    assert arrived.keys() == {"identify", "track", "page", "screen", "group", "alias"}
    assert arrived["identify"].event["traits"] == {"email": ALICE.email, "plan": "gold"}
    assert arrived["track"].event["properties"] == {"total": 12.5}
    assert arrived["page"].event["context"]["page"]["path"] == "/sdks/analytics_js.html"
    assert (arrived["alias"].event["userId"], arrived["alias"].event["previousId"]) == (ALICE.user_id, "u-old")
    assert len({each.event["anonymousId"] for each in arrived.values()}) == 1
    assert {f"/v1/projects/{key}/settings", *(f"/v1/{kind}" for kind in "pitsga")} == set(it.to_platform())
    assert (it.elsewhere(), it.errors) == ([], [])
    assert aside(lambda: reconciliation(source.id))["accepted"] == 6


@needs(ANALYTICS / "standalone.js")
@pytest.mark.parametrize("options", [{}, {"integrations": {"Segment.io": {"deliveryStrategy": BATCHING}}}])
def test_what_analytics_js_sends_as_the_page_goes(shop: tuple[Any, str, str], visit: Go, options: Any) -> None:
    _, key, platform = shop
    it = visit(platform, key)
    page = it.page(page_of("analytics_js.html", **options))
    page.wait_for_function("window.analytics.initialized === true")
    page.evaluate("analytics.track('Shop Left'); location.href = '/shop/shop.js'")
    arrive(page, 1)
    assert aside(taken)["track"].event["event"] == "Shop Left"
    # The browser no longer tells of what a page sends once it is gone; that it has arrived is what counts.
    assert set(it.to_platform()) <= {f"/v1/projects/{key}/settings", "/v1/b" if options else "/v1/t"}
    assert it.elsewhere() == []


@needs(RUDDER / "index.js")
@pytest.mark.parametrize("options", [{}, {"useBeacon": True, "beaconQueueOptions": {"flushQueueInterval": 500}}])
def test_rudder_analytics_js(shop: tuple[Any, str, str], visit: Go, options: Any) -> None:
    _, key, platform = shop
    it = visit(platform, key)
    page = it.page(page_of("rudder_js.html", **options))
    page.evaluate(
        """([id, email]) => client.ready(() => {
            client.page("Shop", "Home");
            client.identify(id, { email, plan: "gold" });
            client.track("Order Completed", { total: 12.5 });
            client.group("g-1", { size: 2 });
            client.alias("u-other", id);
        })""",
        [ALICE.user_id, ALICE.email],
    )
    arrive(page, 5)
    arrived = aside(taken)
    assert arrived.keys() == {"identify", "track", "page", "group", "alias"}
    assert arrived["identify"].event["traits"] == {"email": ALICE.email, "plan": "gold"}
    assert arrived["track"].event["properties"]["total"] == 12.5
    sent = {path.partition("?")[0] for path in it.to_platform()}
    assert sent <= {"/sourceConfig/", "/beacon/v1/batch"} if options else "/v1/track" in sent
    assert (it.elsewhere(), it.errors) == ([], [])
