"""Accepting: dedupe, counts, sealing; and taking out of the inbox again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cdp.events.accept import Receipt, Rejected, accept
from cdp.events.claim import claim, waiting
from cdp.events.models import Inbox, Rejection, Seen
from cdp.events.store import set_aside, settle
from tests.events.conftest import Shop
from tests.people import ALICE

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
Counts = Callable[[], dict[str, int]]


def track(n: object = 1, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Order Completed", "userId": ALICE.user_id, "messageId": f"m-{n}", **more}


def test_an_event_is_accepted_once(shop: Shop, counts: Counts) -> None:
    assert accept(shop.info, [track()], received_at=NOW) == Receipt(1, 0, ())
    assert accept(shop.info, [track()], received_at=NOW) == Receipt(1, 1, ())
    assert counts() == {"accepted": 2, "duplicates": 1, "pending": 1}


def test_the_same_message_twice_in_one_batch(shop: Shop, counts: Counts) -> None:
    assert accept(shop.info, [track(), track(2), track()], received_at=NOW) == Receipt(3, 1, ())
    assert counts() == {"accepted": 3, "duplicates": 1, "pending": 2}


def test_no_time_window(shop: Shop) -> None:
    accept(shop.info, [track()], received_at=NOW)
    assert accept(shop.info, [track()], received_at=NOW + timedelta(days=400)).duplicates == 1


def test_a_bad_event_does_not_hurt_its_neighbours(shop: Shop, counts: Counts) -> None:
    receipt = accept(shop.info, [track(1), {"type": "track"}, b"{", track(2)], received_at=NOW)
    assert receipt.rejected == (Rejected(1, "missing_id", "userId"), Rejected(2, "malformed", ""))
    assert counts() == {"accepted": 4, "rejected": 2, "pending": 2}
    assert set(Rejection.objects.values_list("reason", "field")) == {("missing_id", "userId"), ("malformed", "")}


def test_a_rejected_message_is_not_seen(shop: Shop) -> None:
    assert accept(shop.info, [track(timestamp="yesterday")], received_at=NOW).rejected[0].reason == "bad_timestamp"
    assert not Seen.objects.exists()
    assert accept(shop.info, [track()], received_at=NOW) == Receipt(1, 0, ())


def test_claimed_as_it_came(shop: Shop, counts: Counts) -> None:
    sent = NOW - timedelta(minutes=5)
    event = track(timestamp="2026-03-05T11:50:00Z", properties={"total": 9.5})
    accept(shop.info, [event, json.dumps(track(2)).encode()], received_at=NOW, sent_at=sent, gpc=True)
    with transaction.atomic():
        first, second = claim(10)
        settle({(shop.info.id, "stored"): 2}, slot=0)
    assert first.event == event | {"context": {"gpc": True}, "sentAt": sent.isoformat()}
    assert (first.source_id, first.received_at) == (shop.info.id, NOW)
    assert first.occurred_at == datetime(2026, 3, 5, 11, 55, tzinfo=UTC)  # the sender's clock was five minutes slow
    assert second.occurred_at == NOW
    assert counts() == {"accepted": 2, "stored": 2}


def test_rolled_back_claims_are_back(shop: Shop) -> None:
    accept(shop.info, [track(n) for n in range(4)], received_at=NOW)
    ids = waiting(10)
    with transaction.atomic():
        assert [each.event["messageId"] for each in claim(3)] == ["m-0", "m-1", "m-2"]
        transaction.set_rollback(True)
    with transaction.atomic():
        assert [each.id for each in claim(10, ids=ids[1:2])] == ids[1:2]
    assert waiting(10) == [ids[0], *ids[2:]]


def test_nothing_of_the_event_is_in_clear(shop: Shop) -> None:
    accept(shop.info, [track(traits={"email": ALICE.email}), {"userId": ALICE.user_id}], received_at=NOW)
    for model in (Inbox, Rejection):
        row = b"".join(
            bytes(v) if isinstance(v, memoryview | bytes) else str(v).encode() for v in model.objects.values_list()[0]
        )
        assert ALICE.user_id.encode() not in row
        assert b"email" not in row


def test_a_damaged_row_is_set_aside_and_blocks_nothing(shop: Shop, counts: Counts) -> None:
    accept(shop.info, [track(1), track(2)], received_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_inbox SET sealed = set_byte(sealed, 20, 7) WHERE id = (SELECT min(id) FROM events_inbox)"
        )
        cursor.execute(
            "UPDATE events_inbox SET message = gen_random_uuid() WHERE id = (SELECT min(id) FROM events_inbox)"
        )
    with transaction.atomic():
        assert [each.event["messageId"] for each in claim(10)] == ["m-2"]
        settle({(shop.info.id, "stored"): 1}, slot=3)
    assert counts() == {"accepted": 2, "stored": 1, "rejected": 1}
    assert Rejection.objects.get().reason == "unreadable"


def test_set_aside_forgets_the_message(shop: Shop, counts: Counts) -> None:
    accept(shop.info, [track()], received_at=NOW)
    with transaction.atomic():
        (event,) = claim(10)
        assert isinstance(set_aside(event, "poisoned", at=NOW), UUID)
        settle({(shop.info.id, "rejected"): 1}, slot=0)
    assert accept(shop.info, [track()], received_at=NOW) == Receipt(1, 0, ())
    assert counts() == {"accepted": 2, "rejected": 1, "pending": 1}


def test_what_cannot_be_encoded_is_rejected(shop: Shop) -> None:
    odd = [track(1, properties={"n": 2**70}), track(2, properties={"x": {1, 2}} | {"o": object()}), track("\ud800")]
    reasons = [each.reason for each in accept(shop.info, odd, received_at=NOW).rejected]
    assert sorted(reasons) == ["invalid_message_id", "malformed", "malformed"]
