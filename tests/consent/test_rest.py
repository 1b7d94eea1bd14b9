"""REST: purposes, notices, recording and asking."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from cdp.access.keys import create_key
from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from cdp.ids import uuid7
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(db: None) -> Callable[..., tuple[int, Any]]:
    """call(method, path, body) as a key with consents:read and consents:write."""
    _, token = create_key("test", ["consents:read", "consents:write"], SYSTEM)
    client = Client(headers={"authorization": f"Bearer {token}"})

    def do(method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else ""
        answer = client.generic(method, f"/api/v1/{path}", data, content_type="application/json")
        return answer.status_code, answer.json() if answer.content else None

    return do


def test_the_whole_way(call: Callable[..., tuple[int, Any]]) -> None:
    assert call("POST", "purposes/", {"key": "news"})[0] == 201
    assert call("POST", "purposes/", {"key": "news"})[0] == 409
    assert [it["key"] for it in call("GET", "purposes/")[1]["results"]] == ["news", "operate"]
    status, notice = call("POST", "notices/", {"purpose": "news", "version": "1", "text": "We send you news."})
    assert status == 201
    assert len(notice["text_hash"]) == 64
    assert call("POST", "notices/", {"purpose": "news", "version": "1", "text": "Other."})[0] == 400
    who = {"kind": "email", "value": ALICE.email}
    assert call("POST", "consents/check/", {**who, "purpose": "news"})[1]["code"] == "no entry"
    said = {
        **who,
        "id": str(uuid7()),
        "purpose": "news",
        "status": "granted",
        "notice_version": "1",
        "evidence": "form",
    }
    assert call("POST", "consents/", said) == (201, {"recorded": True, "id": said["id"]})
    assert call("POST", "consents/", said) == (200, {"recorded": False, "id": said["id"]})
    status, answer = call(
        "POST", "consents/check/", {"kind": "email", "value": f" {ALICE.email.upper()} ", "purpose": "news"}
    )
    assert (answer["allowed"], answer["code"], len(answer["entries"])) == (True, "granted", 1)
    assert not call("POST", "consents/check/", {**who, "purpose": "news", "at": "2020-01-01T00:00:00Z"})[1]["allowed"]
    both = [who, {"kind": "email", "value": BOB.email}]
    call("POST", "consents/", {"kind": "email", "value": BOB.email, "purpose": "news", "status": "withdrawn"})
    assert call("POST", "consents/check/", {"identifiers": both, "purpose": "news"})[1]["code"] == "withdrawn"
    text = json.dumps(list(Pending.objects.values_list("entry", flat=True)))
    assert ALICE.email not in text
    assert "consent.check" in text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"purpose": "operate", "status": "granted"}, "no_person"),
        ({"kind": "email", "purpose": "operate", "status": "granted"}, "no_person"),
        ({"kind": "email", "value": "alice", "purpose": "operate", "status": "granted"}, "no_identifier"),
        ({"kind": "email", "value": "a@example.com", "purpose": "x", "status": "granted"}, "unknown_purpose"),
        ({"kind": "email", "value": "a@example.com", "purpose": "*", "status": "granted"}, "invalid_statement"),
    ],
)
def test_what_cannot_be_recorded(call: Callable[..., tuple[int, Any]], body: dict[str, str], code: str) -> None:
    status, problem = call("POST", "consents/", body)
    assert status == 400
    assert code in problem["type"]
    assert body.get("value", "@@") not in json.dumps(problem)


@pytest.mark.parametrize("path", ["purposes/", "notices/", "consents/", "consents/check/"])
def test_without_a_key_and_with_too_little(path: str) -> None:
    assert Client().post(f"/api/v1/{path}", "{}", content_type="application/json").status_code == 401
    _, token = create_key("reader", ["sources:read"], SYSTEM)
    client = Client(headers={"authorization": f"Bearer {token}"})
    assert client.post(f"/api/v1/{path}", "{}", content_type="application/json").status_code == 403
