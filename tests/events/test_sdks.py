"""Segment's and RudderStack's own SDKs, unmodified, against the real web server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from cdp.events.claim import Claimed, claim
from cdp.events.reads import reconciliation
from cdp.sources import create
from tests.events.conftest import ADMIN
from tests.people import ALICE
from tests.servers import Server

YEAR_AGO = datetime.now(UTC) - timedelta(days=365)


def _six_calls(client: Any) -> None:
    client.identify(ALICE.user_id, {"email": ALICE.email, "plan": "gold"}, anonymous_id="a-1")
    client.track(ALICE.user_id, "Order Completed", {"total": 12.5}, timestamp=YEAR_AGO)
    client.page(ALICE.user_id, "Shop", "Home", {"path": "/"})
    client.screen(ALICE.user_id, "Shop", "Basket")
    client.group(ALICE.user_id, "g-1", {"size": 2})
    client.alias("a-1", ALICE.user_id)
    client.flush()


def _taken() -> dict[str, Claimed]:
    with transaction.atomic():
        return {each.event["type"]: each for each in claim(100)}


def _check(taken: dict[str, Claimed]) -> None:
    assert taken.keys() == {"identify", "track", "page", "screen", "group", "alias"}
    assert taken["identify"].event["traits"] == {"email": ALICE.email, "plan": "gold"}
    assert "traits" not in taken["identify"].event["context"]
    assert taken["track"].event["properties"] == {"total": 12.5}
    assert abs(taken["track"].occurred_at - YEAR_AGO) < timedelta(seconds=30)
    assert taken["alias"].event["previousId"] == "a-1"


def test_segment_analytics_python(server: Callable[..., Server]) -> None:
    from segment.analytics import Client

    source, key = create.create("shop", by=ADMIN)
    errors: list[Any] = []
    for packed in (False, True):
        client = Client(key, host=server().url, gzip=packed, on_error=lambda *seen: errors.append(seen), max_retries=1)
        _six_calls(client)
        client.join()
        _check(_taken())
    assert errors == []
    assert reconciliation(source.id)["accepted"] == 12


def test_rudder_sdk_python(server: Callable[..., Server]) -> None:
    from rudderstack.analytics.client import Client

    source, key = create.create("shop", by=ADMIN)
    errors: list[Any] = []
    client = Client(key, host=server().url, on_error=lambda *seen: errors.append(seen), max_retries=1)
    _six_calls(client)
    client.join()
    _check(_taken())
    assert errors == []
    assert reconciliation(source.id)["accepted"] == 6


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
