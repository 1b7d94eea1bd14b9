"""The live event debugger, through its own doors: what arrives, what it becomes, what of it is shown to whom."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from cdp.events.accept import Arrival, Offer, accept, written
from cdp.events.shape import TYPES
from cdp.pipeline.batch import run_batch
from cdp.sources import lookup
from cdp.sources.create import create
from cdp.sources.models import Source
from consent.purposes import ensure_purpose
from consent.subjects import digests_for
from consent.suppression import suppress
from identity.models import Record
from tests.console.conftest import signed_in
from tests.people import ALICE, BOB

pytestmark = pytest.mark.usefixtures("clean")
HOUSE = "/admin/data/debugger/"
ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": ALICE.user_id,
    "properties": {"revenue": 49.5, "email": ALICE.email, "petName": "Rex", "total": "much"},
    "context": {"ip": "192.0.2.7", "consent": {"categoryPreferences": {"news": True, "unheard": True}}},
}


@pytest.fixture
def shop() -> Source:
    ensure_purpose("news", basis="consent", by=SYSTEM)
    source, _ = create("shop", by=SYSTEM)
    lookup.forget()
    return source


def send(source: Source, *events: dict[str, Any]) -> None:
    accept(lookup.info_of(source), list(events), received_at=datetime.now(UTC), sent_at=datetime.now(UTC).isoformat())


def work() -> None:
    run_batch(100, now=datetime.now(UTC), slot=0)


def ask(client: Client, door: str, **body: Any) -> Any:
    answer = client.post(f"{HOUSE}{door}/", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def rows(client: Client, **body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(client, "poll", **body)["rows"]
    return found


def detail(client: Client, row: dict[str, Any]) -> Any:
    return ask(client, "detail", state=row["state"], id=row["id"])


def line(said: Any, name: str) -> dict[str, Any]:
    return next(it for it in said["lines"] if it["name"] == name)


def entries(action: str) -> list[dict[str, Any]]:
    return [row.entry for row in Pending.objects.filter(entry__action=action).order_by("id")]


PERSONAL = (ALICE.user_id, ALICE.email, "Rex", "192.0.2.7", "much")


def test_an_event_waits_and_is_then_stored_under_the_same_key(shop: Source) -> None:
    client = signed_in("admin")
    send(shop, ORDER)
    (waiting,) = rows(client)
    assert (waiting["state"], waiting["type"], waiting["name"]) == ("pending", "track", "Order Completed")
    assert "user id" in waiting["kinds"]
    assert not [it for it in PERSONAL if it in json.dumps(waiting)]
    watched = {waiting["id"]: waiting["key"]}
    assert ask(client, "poll", watched=watched)["fates"] == {waiting["id"]: "pending"}
    work()
    said = ask(client, "poll", watched=watched, source=str(shop.id))
    assert said["fates"] == {waiting["id"]: "stored"}
    (stored,) = said["rows"]
    assert (stored["state"], stored["key"]) == ("stored", waiting["key"])
    assert said["counts"][str(shop.id)]["stored"] == 1


def test_a_phone_number_that_cannot_be_read_is_no_identifier(shop: Source) -> None:
    client = signed_in("steward")
    send(
        shop, {"type": "identify", "userId": ALICE.user_id, "traits": {"phone": "0151 23456000", "email": ALICE.email}}
    )
    work()
    (row,) = rows(client)
    assert row["kinds"] == ["user id", "email"]
    told = {it["kind"]: it["unread"] for it in detail(client, row)["identifiers"]}
    assert "cannot be read for region US" in told["phone"]
    assert told["email"] == told["user id"] == ""


def test_an_administrator_sees_the_shape_and_no_value_of_a_person(shop: Source) -> None:
    client = signed_in("admin")
    send(shop, ORDER)
    work()
    said = detail(client, rows(client)[0])
    assert not [it for it in (*PERSONAL, "49.5") if it in json.dumps(said)]
    assert line(said, "revenue") | {"note": ""} == {
        "depth": 1, "name": "revenue", "data_class": "fact", "type": "number", "shown": None, "note": "",
    }  # fmt: skip
    assert line(said, "email")["data_class"] == "identifying"
    assert line(said, "petName")["data_class"] == "undeclared"
    assert "number" in line(said, "total")["note"]
    assert [(it["purpose"], it["status"]) for it in said["consent"]] == [("news", "granted")]
    assert said["became"]["new_record"]
    assert "address" not in said["became"]
    assert [it["name"] for it in said["times"]] == ["occurred", "sent", "received", "processed"]
    (entry,) = entries("debugger.inspect")
    assert entry["object_type"] == "event"
    assert entry["subjects"]


def test_a_steward_sees_masks_and_after_a_reveal_the_values(shop: Source) -> None:
    client = signed_in("steward")
    send(shop, ORDER)
    work()
    (row,) = rows(client)
    said = detail(client, row)
    assert line(said, "revenue")["shown"] == 49.5
    assert line(said, "email")["shown"] == "a•••@•••"
    assert not [it for it in PERSONAL if it in json.dumps(said)]
    profile = said["reveal"]["profile"]
    assert "at least" in ask(client, "open", profile=profile, purpose="operate", reason="short")["refused"]
    assert "until" in ask(client, "open", profile=profile, purpose="operate", reason="The shop's developer asks")
    opened = detail(client, row)
    assert line(opened, "email")["shown"] == ALICE.email
    assert line(opened, "petName")["shown"] == "Rex"
    assert [it["details"]["open"] for it in entries("debugger.inspect")] == [False, True]
    assert len(entries("profile.reveal")) == 1


def test_where_the_person_does_not_permit_it_a_steward_sees_the_shape_alone(shop: Source) -> None:
    send(shop, ORDER)
    work()
    digests = digests_for([("user_id", ALICE.user_id)], region="US", namespace="main")
    from consent.record import Statement, record

    now = datetime.now(UTC)
    record([Statement(digests, "operate", "restricted", effective_from=now, cause=uuid4())], actor="test", at=now)
    client = signed_in("steward")
    said = detail(client, rows(client)[0])
    assert said["masked"].startswith("Not shown:")
    assert said["reveal"] is None
    assert line(said, "revenue")["shown"] is None


def test_a_rejection_says_why_and_what_to_do(shop: Source) -> None:
    client = signed_in("admin")
    send(shop, {"type": "track", "userId": BOB.user_id, "properties": {"revenue": 1, "email": BOB.email}})
    written(Offer.of_unreadable(lookup.info_of(shop), b"{broken", "malformed", Arrival(datetime.now(UTC))))
    broken, nameless = rows(client)
    assert (nameless["state"], nameless["reason"], nameless["field"]) == ("rejected", "missing_event", "event")
    said = detail(client, nameless)
    assert "name of the event" in said["refused"]["meaning"]
    assert said["refused"]["remedy"]
    assert line(said, "userId")["shown"] == "•••"
    assert not [it for it in (BOB.user_id, BOB.email) if it in json.dumps(said)]
    said = detail(client, broken)
    assert said["lines"] == []
    assert "7 bytes" in said["refused"]["size"]


def test_what_is_not_kept_is_gone_and_counted(shop: Source) -> None:
    client = signed_in("steward")
    ensure_purpose("letters", basis="consent", by=SYSTEM)
    asking, _ = create("letters", purposes=[("letters", "consent")], by=SYSTEM)
    suppress(
        digests_for([("user_id", BOB.user_id)], region="US", namespace="main"), reason="erased", at=datetime.now(UTC)
    )
    send(asking, ORDER)
    send(shop, {**ORDER, "userId": BOB.user_id})
    watched = {row["id"]: row["key"] for row in rows(client)}
    work()
    said = ask(client, "poll", watched=watched)
    assert set(said["fates"].values()) == {"gone"}
    assert said["rows"] == []
    assert said["counts"][str(asking.id)]["denied"] == 1
    assert said["counts"][str(shop.id)]["suppressed"] == 1


def test_filters_and_pages(shop: Source) -> None:
    client = signed_in("admin")
    send(shop, ORDER, {"type": "page", "name": "Home", "userId": ALICE.user_id}, {**ORDER, "event": "Secret plan"})
    work()
    assert len(rows(client)) == 3
    for kind in TYPES:
        assert [row["type"] for row in rows(client, type=kind)] == {"page": ["page"], "track": ["track"] * 2}.get(
            kind, []
        )
    assert [row["name"] for row in rows(client, name="Secret plan")] == ["Secret plan"]
    assert rows(client, states=["rejected"]) == []
    assert rows(client, source=str(uuid4())) == []
    said = ask(client, "poll")
    assert ask(client, "poll", since=said["now"] + 60)["rows"] == []
    assert rows(client, before=str(min(UUID(row["id"]) for row in said["rows"]))) == []


def test_a_message_is_found_by_its_id(shop: Source) -> None:
    client = signed_in("admin")
    send(shop, {**ORDER, "messageId": "m-1"}, {"type": "track", "userId": "x", "messageId": "m-2"})
    assert [row["state"] for row in ask(client, "find", message_id="m-1")["rows"]] == ["pending"]
    work()
    assert [row["state"] for row in ask(client, "find", message_id="m-1")["rows"]] == ["stored"]
    assert [row["state"] for row in ask(client, "find", message_id="m-2")["rows"]] == ["rejected"]
    assert "never came" in ask(client, "find", message_id="m-3")["says"]
    assert "m-1" not in json.dumps(entries("debugger.find"))


def test_an_erased_record_leaves_facts_alone(shop: Source) -> None:
    from cdp.vault import keys

    send(shop, ORDER)
    work()
    record_id = Record.objects.get().id
    keys.destroy([record_id])
    Record.objects.all().delete()
    client = signed_in("steward")
    said = detail(client, rows(client)[0])
    assert "erased" in said["masked"]
    assert not [it for it in PERSONAL if it in json.dumps(said)]


@pytest.mark.parametrize("role", ["marketer", "analyst", "compliance"])
def test_it_is_for_those_who_look_after_sources(shop: Source, role: str) -> None:
    client = signed_in(role)
    assert client.get(HOUSE).status_code == 403
    assert client.post(f"{HOUSE}poll/", "{}", content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    ("door", "body", "status"),
    [
        ("poll", "no json", 400),
        ("poll", '{"since": 1e300}', 400),
        ("poll", '{"before": "x"}', 400),
        ("poll", '{"watched": {"x": "y"}}', 400),
        ("poll", '{"watched": {"99999999999999999999": "00000000000000000000000000000000"}}', 400),
        ("detail", '{"state": "stored", "id": "x"}', 404),
        ("detail", '{"state": "pending", "id": "99999999999999999999999"}', 404),
        ("detail", '{"state": "pending", "id": "²"}', 404),
        ("detail", '{"state": "stored", "id": "00000000-0000-0000-0000-000000000000"}', 404),
        ("detail", "{}", 404),
        ("find", '{"message_id": ""}', 400),
        ("open", '{"profile": "x"}', 400),
        ("open", '{"profile": "00000000-0000-0000-0000-000000000000"}', 404),
    ],
)
def test_bad_input_gets_a_sentence(shop: Source, door: str, body: str, status: int) -> None:
    answer = signed_in("steward").post(f"{HOUSE}{door}/", body, content_type="application/json")
    assert answer.status_code == status
    assert answer.json()["error"]


def test_opening_the_page_is_written_down(shop: Source) -> None:
    client = signed_in("admin")
    answer = client.get(f"{HOUSE}?source={shop.id}")
    assert answer.status_code == 200
    assert b"curl" in answer.content
    assert [entry["object_id"] for entry in entries("debugger.open")] == [str(shop.id)]
