"""Keys that are limited to sources, at the doors of consent: their people alone, their source's name, their source's rate."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from cdp.access import rates
from cdp.access.keys import create_key
from cdp.audit import SYSTEM
from cdp.sources.create import create
from consent.models import LedgerEntry
from consent.purposes import ensure_purpose
from tests.identity.cases import said, see
from tests.people import ALICE, BOB, CHARLIE, Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    ensure_purpose("news", basis="consent", by=SYSTEM)
    ensure_purpose("service", basis="contract", by=SYSTEM)
    rates.tokens.cache_clear()
    yield
    rates.tokens.cache_clear()


def source(name: str) -> UUID:
    return create(name, by=SYSTEM)[0].pk


def client(*sources: UUID) -> Client:
    _, token = create_key("test", ["consents:read", "consents:write"], SYSTEM, sources=sources)
    return Client(headers={"authorization": f"Bearer {token}"})


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


def check(client: Client, person: Person, purpose: str = "news") -> dict[str, Any]:
    answer = post(client, "consents/check/", kind="email", value=person.email, purpose=purpose)
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


def grant(client: Client, person: Person, **more: Any) -> Any:
    return post(client, "consents/", kind="email", value=person.email, purpose="news", status="granted", **more)


def test_they_ask_about_their_own_people() -> None:
    shop, crm = source("shop"), source("crm")
    see(
        said(ALICE.user_id, ("email", ALICE.email), source=shop),
        said(BOB.user_id, ("email", BOB.email), source=crm),
    )
    everybody = client()
    for person in (ALICE, BOB):
        assert grant(everybody, person).status_code == 201
    mine = client(shop)
    assert check(mine, ALICE)["allowed"]
    others, nobody = check(mine, BOB), check(mine, CHARLIE)
    assert others == nobody == {**others, "allowed": False, "code": "unknown person", "entries": []}
    assert not check(mine, BOB, "service")["allowed"]
    assert check(everybody, BOB)["allowed"]
    # Once the shop knows him too, as who he is everywhere, it may ask.
    see(said("b-1", ("email", BOB.email), source=shop))
    assert check(mine, BOB)["allowed"]


def test_what_they_record_is_their_source_s() -> None:
    shop, crm = source("shop"), source("crm")
    assert grant(client(shop), ALICE).status_code == 201
    both = client(shop, crm)
    refused = grant(both, BOB)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "source_id")
    assert grant(both, BOB, source_id=str(crm)).status_code == 201
    assert grant(client(shop), CHARLIE, source_id=str(crm)).status_code == 404  # not its own
    assert grant(client(), CHARLIE).status_code == 201
    assert list(LedgerEntry.objects.order_by("recorded_at").values_list("source_id", flat=True)) == [shop, crm, None]


def test_what_they_record_keeps_to_the_source_s_rate(settings: Any) -> None:
    settings.RATE_LIMIT_SOURCES = "2/h"
    shop, crm = source("shop"), source("crm")
    mine = client(shop)
    answers = [grant(mine, person) for person in (ALICE, BOB, CHARLIE)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    refused = answers[2]
    assert refused.json()["code"] == "too_many_requests"
    assert "source" in refused.json()["detail"]
    assert 1700 < int(refused["Retry-After"]) <= 1800
    assert LedgerEntry.objects.count() == 2
    assert grant(client(shop), CHARLIE).status_code == 429  # whatever key it comes with
    assert grant(client(crm), CHARLIE).status_code == 201
    assert check(mine, ALICE)  # a question tells nothing in its name
    update = client_of_updates(shop)
    assert post(update, "update_profile", customer_id=ALICE.user_id, demographic_data={"age": 41}).status_code == 429


def client_of_updates(shop: UUID) -> Client:
    _, token = create_key("updates", ["update:write"], SYSTEM, sources=[shop])
    return Client(headers={"authorization": f"Bearer {token}"})
