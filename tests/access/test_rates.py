"""Rate limits: no more than the policy says, and the caller is told what is left and when to come back."""

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from cdp.access import rates
from cdp.access.buckets import Bucket, Policy, draw, parse
from cdp.access.keys import create_key
from cdp.access.models import ApiKey
from cdp.access.tokens import Alone, Together, Tokens, ahead, client_of
from tests.access.conftest import BY


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    rates.tokens.cache_clear()
    yield
    rates.tokens.cache_clear()


POLICIES = st.builds(Policy, st.integers(1, 1000), st.sampled_from([1, 60, 3600]))


@given(POLICIES, st.lists(st.tuples(st.floats(0, 120), st.integers(1, 50)), max_size=60))
def test_no_more_pass_than_the_bucket_and_what_it_gained(policy: Policy, steps: list[tuple[float, int]]) -> None:
    bucket: Bucket | None = None
    now = passed = 0.0
    for pause, wanted in steps:
        now += pause
        bucket, drawn = draw(bucket, policy, wanted, now=now)
        passed += drawn.taken
        assert passed <= policy.amount + now * policy.per_second + 1e-6
        assert 0 <= drawn.left <= policy.amount
        if not drawn.taken:  # whoever waits as long as it says passes
            assert draw(bucket, policy, 1, now=now + drawn.wait + 1e-6)[1].taken == 1


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("100/s", Policy(100, 1)),
        (" 600/M ", Policy(600, 60)),
        ("5000/d", Policy(5000, 86_400)),
        ("none", None),
        ("", None),
    ],
)
def test_rates_are_written_as_a_number_and_a_unit(text: str, policy: Policy | None) -> None:
    assert parse(text) == policy


@pytest.mark.parametrize("text", ["0/s", "-1/s", "10", "10/w", "ten/s", "1.5/s", "10 / s"])
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="100/s"):
        parse(text)


def taken(tokens: Tokens, policy: Policy, tries: int, *, now: float, name: str = "a") -> int:
    return sum(tokens.take(name, policy, now=now).taken for _ in range(tries))


def test_processes_that_count_alone_share_the_policy_evenly() -> None:
    policy = Policy(100, 1)
    first, second = Tokens(Alone(2)), Tokens(Alone(2))
    assert taken(first, policy, 500, now=1.0) + taken(second, policy, 500, now=1.0) == 100
    assert taken(first, policy, 500, now=1.5, name="another") == 50


def test_processes_that_count_together_share_it_as_needed() -> None:
    from django.conf import settings

    name, policy = str(uuid4()), Policy(100, 3600)
    stores = [Tokens(Together(client_of(settings.RATE_LIMIT_URL), Alone())) for _ in range(2)]
    assert taken(stores[0], policy, 70, now=1.0, name=name) == 70
    assert taken(stores[1], policy, 70, now=1.0, name=name) == 30
    refused = stores[1].take(name, policy, now=1.0)
    assert (refused.taken, refused.left) == (0, 0)
    assert 30 < refused.wait <= 36


def test_a_store_that_is_away_lets_pass_what_this_process_counts() -> None:
    gone = Together(client_of("unix:///nowhere/valkey.sock"), Alone())
    assert taken(Tokens(gone), Policy(10, 60), 50, now=1.0) == 10


def test_little_is_drawn_ahead_and_nothing_where_rates_are_low() -> None:
    assert [ahead(Policy(*it)) for it in ((1000, 1), (100, 1), (600, 60), (60, 60), (5000, 86_400))] == [
        50,
        5,
        10,
        1,
        1,
    ]


def test_another_broker_than_valkey_is_no_store() -> None:
    assert client_of("amqp://localhost//") is None
    assert client_of("memory://") is None


@pytest.mark.django_db
@pytest.mark.urls("tests.access.doors")
class TestDoors:
    def test_a_key_over_its_own_rate_waits(self) -> None:
        _, token = create_key("test", ["segments:read"], BY, rate="3/h")
        client = Client(headers={"authorization": f"Bearer {token}"})
        answers = [client.get("/api/v1/open/") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [
            f'"default";r={n}' for n in (2, 1, 0, 0)
        ]
        assert answers[0]["RateLimit-Policy"] == '"default";q=3;w=3600'
        refused = answers[3]
        assert refused["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] == "too_many_requests"
        assert 1100 < int(refused["Retry-After"]) <= 1200

    def test_a_refusal_for_a_missing_scope_counts_too(self, settings: Any) -> None:
        _, token = create_key("test", ["audit:read"], BY, rate="2/h")
        client = Client(headers={"authorization": f"Bearer {token}"})
        assert [client.get("/api/v1/open/").status_code for _ in range(3)] == [403, 403, 429]

    def test_without_a_limit_nothing_is_told(self, settings: Any, client_with: Callable[..., Client]) -> None:
        settings.RATE_LIMIT_KEYS = "none"
        assert "RateLimit" not in client_with("segments").get("/api/v1/open/")

    def test_create_key_takes_a_rate(self) -> None:
        call_command("create_key", "shop", "--scope", "read", "--rate", "10/s", stdout=StringIO(), stderr=StringIO())
        assert ApiKey.objects.get().rate == "10/s"
        with pytest.raises(CommandError, match="100/s"):
            call_command(
                "create_key", "shop", "--scope", "read", "--rate", "fast", stdout=StringIO(), stderr=StringIO()
            )
