"""`POST /api/v1/update_profile`: from the public door to the profile."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from cdp.audit import SYSTEM
from cdp.events.reads import reconciliation
from cdp.pipeline.batch import run_batch
from cdp.sources.create import create
from cdp.sources.models import Source
from tests.people import ALICE, BOB
from tests.sources.test_doors import client_with, send

pytestmark = pytest.mark.usefixtures("clean")
Post = Callable[..., tuple[int, Any]]


@pytest.fixture
def shop(clean: None) -> Source:
    source, _ = create("shop", by=SYSTEM)
    return source


@pytest.fixture
def client(shop: Source) -> Client:
    return client_with("update:write", sources=[shop.id])


def process() -> None:
    while run_batch(500, now=datetime.now(UTC), slot=1).claimed:
        pass


def counts(source: Source) -> dict[str, int]:
    return {outcome: n for outcome, n in reconciliation(source.id).items() if n}


def everything() -> dict[str, Any]:
    return {
        "customer_id": ALICE.user_id,
        "demographic_data": {"email": ALICE.email, "firstName": ALICE.first, "age": 41},
        "behavioral_data": [
            {"event": "Product Viewed", "timestamp": "2026-03-01T09:30:00Z", "price": 5},
            {"page_views": 7},
        ],
        "transactional_data": {"event": "Order Completed", "id": "o-1", "properties": {"revenue": 25.5}},
    }


def test_the_profile_shows_it(client: Client, shop: Source) -> None:
    status, answer = send(client, "POST", "update_profile", everything())
    assert (status, answer["accepted"], answer["duplicates"], answer["rejected"]) == (202, 4, 0, 0)
    assert [one["place"] for one in answer["events"]] == [
        "demographic_data", "behavioral_data.0", "behavioral_data.1", "transactional_data",
    ]  # fmt: skip
    assert ALICE.user_id not in str(answer)
    assert counts(shop) == {"accepted": 4, "pending": 4}
    process()
    assert counts(shop) == {"accepted": 4, "stored": 4}
    reader = client_with("profiles:read", "profiles:reveal")
    status, profile = send(reader, "POST", "profiles/lookup/", {"kind": "email", "value": ALICE.email})
    assert (status, profile["traits"]["firstName"], profile["traits"]["age"]) == (200, ALICE.first, 41)
    _, timeline = send(reader, "GET", f"profiles/{profile['id']}/timeline/")
    told = {one["name"]: one for one in timeline["results"] if one["type"] == "track"}
    assert told.keys() == {"Product Viewed", "Behavior Recorded", "Order Completed"}
    assert told["Order Completed"]["properties"]["revenue"] == 25.5
    assert told["Product Viewed"]["occurred_at"].startswith("2026-03-01T09:30:00")


def test_sent_again_it_happens_once(client: Client, shop: Source) -> None:
    once = send(client, "POST", "update_profile", everything(), **{"idempotency-key": "k-1"})
    again = send(client, "POST", "update_profile", everything(), **{"idempotency-key": "k-1"})
    assert once[0] == again[0] == 202
    assert [one["message_id"] for one in once[1]["events"]] == [one["message_id"] for one in again[1]["events"]]
    assert counts(shop)["pending"] == 4
    # An object with an id of its own is recognised without a key too; the others are new.
    status, answer = send(client, "POST", "update_profile", everything())
    assert (status, answer["accepted"], answer["duplicates"]) == (202, 4, 1)
    # Another customer's order may have the same id.
    other = everything() | {"customer_id": BOB.user_id}
    assert send(client, "POST", "update_profile", other)[1]["duplicates"] == 0


def test_what_was_committed_before_a_crash_is_not_taken_twice(shop: Source) -> None:
    """The door's kept answer may be lost with the crash: then the ids of the events say that they are the same."""
    from cdp.connectors.update_profile import update_profile
    from cdp.sources.lookup import info_of

    now = datetime.now(UTC)
    _, first = update_profile(info_of(shop), everything(), idempotency_key="k-1", at=now)
    _, second = update_profile(info_of(shop), everything(), idempotency_key="k-1", at=now)
    assert (first.duplicates, second.duplicates) == (0, 4)
    changed = everything() | {"demographic_data": {"age": 42}}
    _, third = update_profile(info_of(shop), changed, idempotency_key="k-1", at=now)
    assert third.duplicates == 3  # what differs is no duplicate, whatever its key


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer_id": ""}, "customer_id"),
        ({"customer_id": None}, "customer_id"),
        ({"customer_id": {"a": 1}}, "customer_id"),
        ({"customer_id": "x" * 201}, "customer_id"),
        ({"demographic_data": []}, "demographic_data"),
        ({"demographic_data": "gold"}, "demographic_data"),
        ({"behavioral_data": "clicked"}, "behavioral_data"),
        ({"behavioral_data": [{"event": "x"}, "clicked"]}, "behavioral_data.1"),
        ({"behavioral_data": [{"event": "x"}, {"timestamp": "yesterday"}]}, "behavioral_data.1.timestamp"),
        ({"behavioral_data": {"event": ""}}, "behavioral_data.event"),
        ({"behavioral_data": {"event": 7}}, "behavioral_data.event"),
        ({"transactional_data": {"properties": [1]}}, "transactional_data.properties"),
        ({"transactional_data": {"note": "x" * 40_000}}, "transactional_data"),
        ({"timestamp": "soon"}, "demographic_data.timestamp"),
        ({"source_id": "shop"}, "source_id"),
        ({"trnsactional_data": {"revenue": 5}}, ""),
        ({"demographic_data": {}, "behavioral_data": [], "transactional_data": {}}, ""),
    ],
)
def test_what_cannot_be_taken_is_told_and_nothing_is_taken(
    client: Client, shop: Source, change: dict[str, Any], field: str
) -> None:
    status, answer = send(client, "POST", "update_profile", everything() | change)
    assert (status, answer["code"]) == (400, "invalid")
    assert field in [error["field"] for error in answer["errors"]]
    assert all(error["detail"] and error["remedy"] for error in answer["errors"])
    assert counts(shop) == {}


def test_which_source(shop: Source) -> None:
    till, _ = create("till", by=SYSTEM)
    body = everything()
    for limits in ([], [shop.id, till.id]):
        status, answer = send(client_with("update:write", sources=limits), "POST", "update_profile", body)
        assert (status, answer["code"], answer["errors"][0]["field"]) == (400, "source_needed", "source_id")
        chosen = body | {"source_id": str(till.id)}
        assert send(client_with("update:write", sources=limits), "POST", "update_profile", chosen)[0] == 202
    only = client_with("update:write", sources=[shop.id])
    assert send(only, "POST", "update_profile", body | {"source_id": str(till.id)})[0] == 404
    Source.objects.filter(pk=shop.pk).update(enabled=False)
    assert send(only, "POST", "update_profile", body)[0] == 409
    assert counts(shop) == {}


def test_who_may(shop: Source) -> None:
    assert send(Client(), "POST", "update_profile", everything())[0] == 401
    assert send(client_with("sources:write", "profiles:read"), "POST", "update_profile", everything())[0] == 403
    assert send(client_with("update:write"), "GET", "update_profile")[0] == 405


def test_the_description_has_it(shop: Source) -> None:
    schema = Client().get("/api/schema/?format=json").json()
    operation = schema["paths"]["/api/v1/update_profile"]["post"]
    assert operation["x-scope"] == "update:write"
    assert {"202", "400", "401", "403", "404", "409", "413", "503"} <= operation["responses"].keys()
    assert [one["name"] for one in operation["parameters"]] == ["Idempotency-Key"]
