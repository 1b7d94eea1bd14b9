"""Rejections: listed without what was sent, replayed through the same door; reconciliation by REST."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from cdp.access.keys import create_key
from cdp.events.accept import accept
from cdp.events.claim import claim
from cdp.events.holder import Events
from cdp.events.models import Rejection
from cdp.events.replay import replay
from cdp.events.store import set_aside, settle
from tests.events.conftest import ADMIN, Call, Shop
from tests.people import ALICE

NOW = datetime.now(UTC)
Counts = Callable[[], dict[str, int]]


def client(*scopes: str, **more: Any) -> APIClient:
    _, token = create_key("test", scopes, by=ADMIN, **more)
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return found


def large(n: int = 1) -> dict[str, Any]:
    return {"type": "page", "userId": ALICE.user_id, "messageId": f"large-{n}", "properties": {"x": "y" * 40_000}}


def test_replayed_after_the_limit_was_raised(call: Call, counts: Counts, settings: Any) -> None:
    call("/v1/batch", {"batch": [large()], "context": {"locale": "nl"}, "sentAt": NOW.isoformat()}, sec_gpc="1")
    (rejection,) = Rejection.objects.all()
    settings.MAX_EVENT_BYTES = 100_000
    done = replay([rejection.id], by=ADMIN, at=NOW)
    assert (done.offered, done.taken, done.refused) == (1, 1, {})
    assert counts() == {"accepted": 2, "rejected": 1, "pending": 1}
    with transaction.atomic():
        (event,) = claim(10)
    assert event.event["context"] == {"locale": "nl", "gpc": True}
    assert abs(event.received_at - datetime.now(UTC)) < timedelta(minutes=1)
    rejection.refresh_from_db()
    assert rejection.replayed_at == NOW
    assert replay([rejection.id], by=ADMIN, at=NOW).offered == 0  # once


def test_still_too_large(call: Call, counts: Counts) -> None:
    call("/v1/page", large())
    done = replay(list(Rejection.objects.values_list("id", flat=True)), by=ADMIN, at=NOW)
    assert list(done.refused.values()) == ["event_too_large"]
    assert counts() == {"accepted": 2, "rejected": 2}


def test_what_the_pipeline_set_aside(shop: Shop, counts: Counts) -> None:
    event = {"type": "page", "userId": "u", "messageId": "m"}
    accept(shop.info, [event], received_at=NOW)
    with transaction.atomic():
        set_aside(claim(1)[0], "poisoned", at=NOW)
        settle({(shop.info.id, "rejected"): 1}, slot=0)
    assert replay(Rejection.objects.values_list("id", flat=True), by=ADMIN, at=NOW).taken == 1
    assert counts() == {"accepted": 2, "rejected": 1, "pending": 1}


def test_unreadable_bytes_are_kept_and_tried_again(shop: Shop, counts: Counts) -> None:
    accept(shop.info, [{"type": "page", "userId": "u", "messageId": "m"}], received_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_inbox SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)")
    with transaction.atomic():
        assert claim(1) == []
    (rejection,) = Rejection.objects.all()
    assert replay([rejection.id], by=ADMIN, at=NOW).refused == {rejection.id: "unreadable"}
    rejection.refresh_from_db()
    assert rejection.replayed_at is None
    assert counts() == {"accepted": 1, "rejected": 1}


def test_expired_rejections_are_purged(call: Call) -> None:
    call("/v1/page", {})
    assert Events().purge(NOW + timedelta(days=29)) >= 0
    assert Rejection.objects.count() == 1
    Events().purge(NOW + timedelta(days=31))
    assert not Rejection.objects.exists()


def test_reconciliation_by_rest(call: Call, shop: Shop) -> None:
    call("/v1/batch", {"batch": [{"type": "page", "userId": "u", "messageId": "m"}] * 3 + [{}]})
    answer = client("sources:read").get(f"/api/v1/sources/{shop.info.id}/reconciliation/")
    assert answer.json() == {
        "accepted": 4, "stored": 0, "duplicates": 2, "rejected": 1, "suppressed": 0, "denied": 0, "pending": 1,
    }  # fmt: skip


def test_rejections_by_rest(call: Call, shop: Shop) -> None:
    call("/v1/batch", {"batch": [{"type": "page", "userId": ALICE.user_id, "timestamp": "soon"}] * 3})
    door, url = client("sources:read"), f"/api/v1/sources/{shop.info.id}/rejections/"
    first = door.get(url, {"limit": 2}).json()
    rest = door.get(url, {"limit": 2, "cursor": first["next"]}).json()
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    one = first["results"][0]
    assert (one["reason"], one["field"]) == ("bad_timestamp", "timestamp")
    assert set(one) == {"id", "reason", "message", "field", "at", "expires_at", "replayed_at"}


def test_replay_by_rest(call: Call, shop: Shop, settings: Any) -> None:
    call("/v1/page", large())
    settings.MAX_EVENT_BYTES = 100_000
    url = f"/api/v1/sources/{shop.info.id}/rejections/replay/"
    body = {"ids": [str(Rejection.objects.get().id), str(uuid4())]}
    assert client("sources:read").post(url, body).status_code == 403
    answer = client("sources:write").post(url, body)
    assert answer.json() == {"offered": 1, "taken": 1, "duplicates": 0, "refused": {}}
    assert client("sources:write").post(url, {"ids": ["x"]}).status_code == 400


@pytest.mark.parametrize("path", ["reconciliation", "rejections"])
def test_strangers(shop: Shop, path: str) -> None:
    url = f"/api/v1/sources/{shop.info.id}/{path}/"
    assert APIClient().get(url).status_code == 401
    assert client("profiles:read").get(url).status_code == 403
    assert client("sources:read", sources=[uuid4()]).get(url).status_code == 404
    assert client("sources:read", sources=[shop.info.id]).get(url).status_code == 200
    assert client("sources:read").get(f"/api/v1/sources/{uuid4()}/{path}/").status_code == 404
