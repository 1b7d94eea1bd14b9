"""The wire: endpoints, authentication, encoding, limits, partial rejection. Laws of Segment's HTTP tracking API."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from cdp.events.claim import Claimed, claim
from cdp.events.models import Inbox, Rejection
from cdp.sources.models import Source
from tests.events.conftest import Call, Shop, basic
from tests.people import ALICE

Counts = Callable[[], dict[str, int]]
TRACK = {"event": "Order Completed", "userId": ALICE.user_id, "messageId": "m-1"}
MERGED = [{"type": "email", "value": ALICE.email}, {"type": "mobile", "value": ALICE.phone}]
BODIES: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u", "traits": {"plan": "gold"}},
    "track": {"userId": "u", "event": "Order Completed"},
    "page": {"anonymousId": "a", "name": "Home"},
    "screen": {"anonymousId": "a", "name": "Home"},
    "group": {"userId": "u", "groupId": "g"},
    "alias": {"userId": "u", "previousId": "a"},
}
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def taken() -> list[Claimed]:
    with transaction.atomic():
        return claim(100)


@pytest.mark.parametrize("kind", BODIES)
def test_every_call_by_its_long_and_short_path(call: Call, kind: str) -> None:
    for path in (f"/v1/{kind}", f"/v1/{kind[0]}", f"/v1/{kind}/"):
        answer = call(path, BODIES[kind])
        assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert [each.event["type"] for each in taken()] == [kind] * 3
    assert SHORT[kind[0]] == kind


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b"])
def test_batches(call: Call, path: str, counts: Counts) -> None:
    batch = [body | {"type": kind, "messageId": kind} for kind, body in BODIES.items()]
    assert call(path, {"batch": batch}).body == b'{"success":true}'
    assert counts() == {"accepted": 6, "pending": 6}


def test_a_merge_call(call: Call) -> None:
    body = {"userId": ALICE.user_id, "mergeProperties": MERGED}
    assert call("/v1/merge", body).body == b'{"success":true}'
    assert call("/v1/batch", {"batch": [body | {"type": "merge"}]}).status == 200
    assert [each.event["mergeProperties"] for each in taken()] == [MERGED, MERGED]
    answer = call("/v1/merge", {"userId": ALICE.user_id, "mergeProperties": {}})
    assert (answer.status, answer.json()["code"]) == (400, "invalid_merge")
    assert answer.json()["message"].endswith("Field: mergeProperties.")
    assert Rejection.objects.get().reason == "invalid_merge"


def test_an_empty_batch_is_fine(call: Call, counts: Counts) -> None:
    assert call("/v1/batch", {"batch": []}).status == 200
    assert counts() == {}


def test_metrics_are_taken_and_dropped(call: Call, counts: Counts) -> None:
    assert call("/v1/m", {"series": []}, auth="").status == 200
    assert counts() == {}


def test_three_kinds_of_authentication(call: Call, shop: Shop, counts: Counts) -> None:
    assert call("/v1/track", TRACK, auth=basic(shop.key)).status == 200
    assert call("/v1/track", TRACK, auth=f"Bearer {shop.key}").status == 200
    assert call("/v1/track", TRACK | {"writeKey": shop.key}, auth="").status == 200
    assert call("/v1/batch", {"batch": [TRACK | {"type": "track"}], "writeKey": shop.key}, auth="").status == 200
    assert call("/beacon/v1/batch", {"batch": []}, auth="", query=f"writeKey={shop.key}").status == 200
    assert counts() == {"accepted": 4, "duplicates": 3, "pending": 1}
    assert "writeKey" not in taken()[0].event  # a secret of the source, not part of the event


@pytest.mark.parametrize("auth", ["", "Basic !!", "Bearer nonsense", "Digest x", basic("wk_wrong")])
def test_a_wrong_key(call: Call, auth: str) -> None:
    answer = call("/v1/track", TRACK, auth=auth)
    assert (answer.status, answer.json()["code"]) == (401, "invalid_write_key")
    assert not Inbox.objects.exists()


def test_a_disabled_source(call: Call, shop: Shop) -> None:
    Source.objects.update(enabled=False)
    assert call("/v1/track", TRACK).status == 401


def test_content_type_is_ignored_and_gzip_is_seen_by_itself(call: Call, counts: Counts) -> None:
    body = json.dumps(TRACK).encode()
    assert call("/v1/track", body, content_type="text/plain").status == 200
    packed = gzip.compress(body)
    assert call("/v1/track", packed, content_encoding="gzip").status == 200
    assert call("/v1/track", packed, content_type="application/x-www-form-urlencoded").status == 200
    assert call("/v1/track", gzip.compress(body[:20]) + gzip.compress(body[20:])).status == 200  # two members
    assert call("/v1/track", body, content_encoding="gzip").status == 200  # a proxy has inflated it already
    assert counts() == {"accepted": 5, "duplicates": 4, "pending": 1}


def test_a_gzip_bomb_is_not_inflated(call: Call, counts: Counts) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert len(bomb) < 500 * 1024
    answer = call("/v1/batch", bomb)
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert counts() == {}


def test_broken_gzip(call: Call) -> None:
    packed = gzip.compress(json.dumps(TRACK).encode())
    assert call("/v1/track", packed[:-9]).status == 400
    assert call("/v1/track", packed[:14] + b"\xff\xff" + packed[16:]).status == 400


def test_limits(call: Call, counts: Counts, settings: Any) -> None:
    settings.MAX_BATCH_EVENTS = 3
    event = TRACK | {"type": "track"}
    assert call("/v1/batch", {"batch": [event] * 3}).status == 200
    answer = call("/v1/batch", {"batch": [event] * 4})
    assert (answer.status, answer.json()["code"]) == (413, "too_many_events")
    answer = call("/v1/batch", b" " * (settings.MAX_BATCH_BYTES + 1))
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    large = TRACK | {"type": "track", "messageId": "large", "properties": {"x": "y" * settings.MAX_EVENT_BYTES}}
    answer = call("/v1/track", large)
    assert (answer.status, answer.json()["code"]) == (413, "event_too_large")
    assert call("/v1/batch", {"batch": [large, event | {"messageId": "good"}]}).status == 200
    assert counts() == {"accepted": 6, "duplicates": 2, "rejected": 2, "pending": 2}


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        ({"userId": "u"}, "missing_type", "type"),
        ({"userId": "u", "type": "purchase"}, "unknown_type", "type"),
        ({"userId": "u", "type": 7}, "unknown_type", "type"),
        ({"type": "page"}, "missing_id", "userId"),
        ({"type": "page", "userId": " ", "anonymousId": None}, "missing_id", "userId"),
        ({"type": "page", "userId": {"a": 1}}, "invalid_field", "userId"),
        ({"type": "page", "userId": True}, "invalid_field", "userId"),
        ({"type": "track", "userId": "u"}, "missing_event", "event"),
        ({"type": "track", "userId": "u", "event": 5}, "invalid_field", "event"),
        ({"type": "group", "userId": "u"}, "missing_group", "groupId"),
        ({"type": "alias", "userId": "u"}, "missing_previous", "previousId"),
        ({"type": "merge", "userId": "u"}, "invalid_merge", "mergeProperties"),
        ({"type": "merge", "userId": "u", "mergeProperties": MERGED[:1]}, "invalid_merge", "mergeProperties"),
        ({"type": "merge", "userId": "u", "mergeProperties": MERGED * 6}, "invalid_merge", "mergeProperties"),
        ({"type": "merge", "userId": "u", "mergeProperties": [*MERGED, 7]}, "invalid_merge", "mergeProperties"),
        (
            {"type": "merge", "userId": "u", "mergeProperties": [*MERGED, {"type": "shoe", "value": "7"}]},
            "invalid_merge",
            "mergeProperties",
        ),
        ({"type": "merge", "mergeProperties": MERGED}, "missing_id", "userId"),
        ({"type": "identify", "userId": "u", "traits": "x"}, "invalid_field", "traits"),
        ({"type": "page", "userId": "u", "context": [1]}, "invalid_field", "context"),
        ({"type": "page", "userId": "u", "timestamp": "soon"}, "bad_timestamp", "timestamp"),
        ({"type": "page", "userId": "u", "timestamp": 12}, "bad_timestamp", "timestamp"),
        ({"type": "page", "userId": "u", "timestamp": "0001-01-01T00:00:00Z"}, "bad_timestamp", "timestamp"),
        ({"type": "page", "userId": "u", "messageId": "x" * 101}, "invalid_message_id", "messageId"),
        ("text", "malformed", ""),
        (None, "malformed", ""),
    ],
)
def test_reasons_of_rejection(call: Call, counts: Counts, event: Any, reason: str, field: str) -> None:
    assert call("/v1/batch", {"batch": [event, TRACK | {"type": "track"}]}).body == b'{"success":true}'
    rejection = Rejection.objects.get()
    assert (rejection.reason, rejection.field) == (reason, field)
    assert counts() == {"accepted": 2, "rejected": 1, "pending": 1}


def test_a_bad_single_call_is_told_and_recorded(call: Call, counts: Counts) -> None:
    answer = call("/v1/track", {"userId": ALICE.user_id})
    assert answer.status == 400
    assert answer.json() == {
        "code": "missing_event",
        "message": "A track call needs the name of the event. Field: event.",
    }
    assert counts() == {"accepted": 1, "rejected": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"batch": 1}', b'{"batch": [}', b"\xff\xfe", b"[" * 50_000])
def test_a_body_that_is_no_batch(call: Call, counts: Counts, body: bytes) -> None:
    answer = call("/v1/batch", body)
    assert (answer.status, answer.json()["code"]) == (400, "malformed")
    assert counts() == {"accepted": 1, "rejected": 1}


@pytest.mark.parametrize(
    ("odd", "read"),
    [(b"NaN", None), (b"-Infinity", None), (b'"\\ud83d"', "\ufffd"), (b'"\\ud83d\\ude00"', "\U0001f600")],
)
def test_json_as_sdks_write_it(call: Call, odd: bytes, read: Any) -> None:
    event = b'{"type":"page","userId":"u","properties":{"x":' + odd + b"}}"
    assert call("/v1/batch", b'{"batch":[' + event + b',{"type":"page","userId":"v"}]}').status == 200
    assert call("/v1/page", event).status == 200
    first, second, third = (each.event for each in taken())
    assert first["properties"] == third["properties"] == {"x": read}
    assert second["userId"] == "v"


def test_broken_utf_8_is_rejected_alone(call: Call, counts: Counts) -> None:
    broken = b'{"type":"page","userId":"\xff"}'
    assert call("/v1/batch", b'{"batch":[' + broken + b',{"type":"page","userId":"v"}]}').status == 200
    assert counts() == {"accepted": 2, "rejected": 1, "pending": 1}


def test_what_the_batch_says_merges_into_each_event(call: Call) -> None:
    batch = [
        TRACK | {"type": "track"},
        TRACK | {"type": "track", "messageId": "m-2", "context": {"locale": "nl", "app": {"name": "a"}}},
    ]
    common = {"context": {"locale": "en", "ip": "192.0.2.1"}, "integrations": {"All": True}, "sentAt": "junk"}
    assert call("/v1/batch", {"batch": batch} | common).status == 200
    first, second = (each.event for each in taken())
    assert first["context"] == {"locale": "en", "ip": "192.0.2.1"}
    assert second["context"] == {"locale": "nl", "ip": "192.0.2.1", "app": {"name": "a"}}
    assert first["integrations"] == second["integrations"] == {"All": True}


def test_context_traits_fold_into_an_identify(call: Call) -> None:
    body = {
        "userId": "u",
        "traits": {"plan": "gold"},
        "context": {"traits": {"plan": "old", "email": "e"}, "locale": "en"},
    }
    call("/v1/identify", body)
    (event,) = taken()
    assert event.event["traits"] == {"plan": "gold", "email": "e"}
    assert event.event["context"] == {"locale": "en"}


def test_a_missing_message_id_is_given(call: Call, counts: Counts) -> None:
    for _ in range(2):
        call("/v1/page", BODIES["page"])
    assert len({each.event["messageId"] for each in taken()}) == 2


def test_numbers_as_ids_and_empty_lists_for_objects(call: Call) -> None:
    assert call("/v1/page", {"userId": 42, "properties": [], "messageId": 7}).status == 200
    (event,) = taken()
    assert (event.event["userId"], event.event["properties"], event.event["messageId"]) == ("42", {}, "7")


def test_clock_skew_is_corrected(call: Call) -> None:
    now = datetime.now(UTC)
    slow = now - timedelta(hours=3)
    times = {"timestamp": (slow - timedelta(minutes=1)).isoformat(), "sentAt": slow.isoformat()}
    original = {"originalTimestamp": times["timestamp"], "sentAt": times["sentAt"]}
    call("/v1/batch", {"batch": [TRACK | {"type": "track", **original}]})
    call("/v1/track", TRACK | {"messageId": "m-2", **times})
    call(
        "/v1/batch",
        {
            "batch": [TRACK | {"type": "track", "messageId": "m-3", "timestamp": times["timestamp"]}],
            "sentAt": times["sentAt"],
        },
    )
    for each in taken():
        assert abs(each.occurred_at - (now - timedelta(minutes=1))) < timedelta(seconds=20)


def test_global_privacy_control(call: Call) -> None:
    call("/v1/page", BODIES["page"], sec_gpc="1")
    call("/v1/batch", {"batch": [BODIES["page"] | {"type": "page"}]}, sec_gpc="1")
    call("/v1/page", BODIES["page"], sec_gpc="0")
    assert [each.event.get("context") for each in taken()] == [{"gpc": True}, {"gpc": True}, None]


def test_browsers_may_call_from_anywhere(call: Call) -> None:
    answer = call("/v1/t", method="OPTIONS", auth="", origin="https://shop.example")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Authorization", "AnonymousId", "*"} <= set(allowed)  # the star alone would not cover Authorization
    assert call("/v1/t", TRACK).headers["Access-Control-Allow-Origin"] == "*"


def test_other_methods_and_paths(call: Call) -> None:
    answer = call("/v1/track", method="GET")
    assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
    answer = call("/v1/nothing", {})
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


def test_settings_for_the_browser_sdk(call: Call, shop: Shop) -> None:
    answer = call(f"/v1/projects/{shop.key}/settings", method="GET", auth="")
    ours = answer.json()["integrations"]["Segment.io"]
    assert (ours["apiHost"], ours["protocol"], ours["apiKey"]) == ("testserver/v1", "http", shop.key)
    assert answer.json()["metrics"]["sampleRate"] == 0  # the SDK does not report on itself to anybody
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = call("/v1/projects/wrong/settings", method="GET", auth="")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


def test_the_protocol_that_the_browser_sdk_is_told(call: Call, shop: Shop, settings: Any) -> None:
    def told(**headers: str) -> str:
        answer = call(f"/v1/projects/{shop.key}/settings", method="GET", auth="", **headers)
        return str(answer.json()["integrations"]["Segment.io"]["protocol"])

    assert told(x_forwarded_proto="https") == "https"
    assert told(x_forwarded_proto="gopher") == "http"
    settings.PUBLIC_URL = "https://testserver"  # a proxy that says nothing
    assert told() == "https"


def test_source_config_for_rudderstacks_browser_sdk(call: Call, shop: Shop) -> None:
    preflight = call("/sourceConfig/", method="OPTIONS", auth="", origin="https://shop.example")
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    source = call("/sourceConfig/", method="GET", query="p=npm&v=3.34.1").json()["source"]
    assert (source["enabled"], source["writeKey"], source["destinations"]) == (True, shop.key, [])
    assert call("/sourceConfig/", method="GET", auth="", query=f"writeKey={shop.key}").status == 200
    answer = call("/sourceConfig/", method="GET", auth=basic("wk_wrong"))
    assert (answer.status, answer.json()["code"]) == (401, "invalid_write_key")


def test_a_pixel_is_always_an_image(call: Call, shop: Shop, counts: Counts) -> None:
    data = base64.b64encode(json.dumps(TRACK | {"writeKey": shop.key}).encode()).decode()
    for query in (f"data={data}", "data=%%%", ""):
        answer = call("/v1/pixel/track", method="GET", auth="", query=query)
        assert (answer.status, answer.body[:6]) == (200, b"GIF89a")
    call("/pixel/v1/page", method="GET", auth="", query=f"writeKey={shop.key}&anonymousId=a&messageId=p")
    assert counts() == {"accepted": 2, "pending": 2}


def test_no_message_quotes_what_was_sent(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    canary = "canary-7f3a"
    bodies: list[Any] = [
        {"userId": canary, "type": canary}, {"userId": canary, "timestamp": canary}, f'{{"userId": "{canary}"'.encode(),
        {"userId": {canary: 1}}, {"userId": "u", canary: canary, "event": [canary]},
    ]  # fmt: skip
    for body in bodies:
        for path in ("/v1/track", "/v1/batch", f"/v1/{canary}"):
            assert canary not in call(path, body).body.decode()
    assert canary not in caplog.text
