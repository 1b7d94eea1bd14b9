"""Segment's and RudderStack's own SDKs for servers, unmodified, against the real web server."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp.events.reads import reconciliation
from cdp.sources import create
from tests.events.conftest import ADMIN
from tests.events.sdk_calls import MODULES, OLD_SEGMENT, YEAR_AGO, check, needs, needs_node, run, taken
from tests.people import ALICE
from tests.servers import Server


def _six_calls(client: Any) -> None:
    client.identify(ALICE.user_id, {"email": ALICE.email, "plan": "gold"}, anonymous_id="a-1")
    client.track(ALICE.user_id, "Order Completed", {"total": 12.5}, timestamp=YEAR_AGO)
    client.page(ALICE.user_id, "Shop", "Home", {"path": "/"})
    client.screen(ALICE.user_id, "Shop", "Basket")
    client.group(ALICE.user_id, "g-1", {"size": 2})
    client.alias("a-1", ALICE.user_id)
    client.flush()


def test_segment_analytics_python(server: Callable[..., Server]) -> None:
    from segment.analytics import Client

    source, key = create.create("shop", by=ADMIN)
    errors: list[Any] = []
    for packed in (False, True):
        client = Client(key, host=server().url, gzip=packed, on_error=lambda *seen: errors.append(seen), max_retries=1)
        _six_calls(client)
        client.join()
        check(taken())
    assert errors == []
    assert reconciliation(source.id)["accepted"] == 12


def test_rudder_sdk_python(server: Callable[..., Server]) -> None:
    from rudderstack.analytics.client import Client

    source, key = create.create("shop", by=ADMIN)
    errors: list[Any] = []
    client = Client(key, host=server().url, on_error=lambda *seen: errors.append(seen), max_retries=1)
    _six_calls(client)
    client.join()
    check(taken())
    assert errors == []
    assert reconciliation(source.id)["accepted"] == 6


@pytest.mark.parametrize(
    ("script", "options"),
    [
        pytest.param("segment_python.py", {"version": "2.3.4", "gzip": False}, marks=needs(OLD_SEGMENT)),
        pytest.param("segment_python.py", {"version": "2.3.4", "gzip": True}, marks=needs(OLD_SEGMENT)),
        pytest.param("segment_node.js", {}, marks=[needs_node, needs(MODULES / "@segment" / "analytics-node")]),
        *(
            pytest.param(
                "rudder_node.js",
                {"gzip": packed},
                marks=[needs_node, needs(MODULES / "@rudderstack" / "rudder-sdk-node")],
            )
            for packed in (True, False)
        ),
    ],
)
def test_sdks_that_live_elsewhere(server: Callable[..., Server], script: str, options: dict[str, Any]) -> None:
    source, key = create.create("shop", by=ADMIN)
    run(script, key, server().url, **options)
    check(taken())
    # Each SDK took the first answer for a success: one that did not would have sent again.
    assert reconciliation(source.id) | {"pending": 0} == dict.fromkeys(reconciliation(source.id), 0) | {"accepted": 6}


def test_an_sdk_with_a_wrong_key_is_told(server: Callable[..., Server]) -> None:
    from segment.analytics import Client
    from segment.analytics.request import APIError

    errors: list[Any] = []
    client = Client("wk_wrong", host=server().url, on_error=lambda error, _: errors.append(error), max_retries=1)
    client.track(ALICE.user_id, "Order Completed")
    client.flush()
    client.join()
    assert [type(error) for error in errors] == [APIError]
    assert (errors[0].status, errors[0].code) == (401, "invalid_write_key")
