"""The wire's rate limit: by source, off by default, in the wire's own words."""

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.access import rates
from tests.events.conftest import Call, Shop

EVENT = {"userId": "u", "event": "Order Completed"}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    rates.tokens.cache_clear()
    yield
    rates.tokens.cache_clear()


def test_a_source_over_its_rate_is_told_when_to_come_back(call: Call, settings: Any) -> None:
    settings.RATE_LIMIT_SOURCES = "3/h"
    answers = [call("/v1/track", EVENT) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "rate_limited"
    assert 1100 < int(answers[3].headers["Retry-After"]) <= 1200
    assert answers[3].headers["Access-Control-Expose-Headers"] == "Retry-After"  # or a browser's SDK cannot read it


def test_without_a_limit_no_bucket_is_asked(shop: Shop) -> None:
    assert rates.wire_wait(shop.info.id) == 0
    assert rates.tokens.cache_info().misses == 0
