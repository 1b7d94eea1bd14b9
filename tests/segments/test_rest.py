"""REST: the whole way of a segment, what is refused, and who sees what."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from cdp.access.keys import create_key
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit import SYSTEM
from segments.models import Segment
from segments.rebuild import rebuild
from tests.segments.world import NOW, happened, many, person, segment

pytestmark = pytest.mark.django_db
Call = Callable[..., tuple[int, Any]]
DUTCH = {"trait": "country", "is": "NL"}


def caller(client: Client) -> Call:
    def do(method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else ""
        answer = client.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=headers)
        do.etag = answer.headers.get("ETag", "")  # type: ignore[attr-defined]
        return answer.status_code, answer.json() if answer.content else None

    return do


@pytest.fixture
def call(db: None) -> Call:
    _, token = create_key("test", ["segments:read", "segments:write", "profiles:read"], SYSTEM)
    return caller(Client(headers={"authorization": f"Bearer {token}"}))


def test_the_whole_way(call: Call, django_capture_on_commit_callbacks: Any) -> None:
    alice, _ = person({"country": "NL"}), person()
    with django_capture_on_commit_callbacks(execute=True):
        status, made = call("POST", "segments/", {"name": "Dutch", "rule": DUTCH})
    assert (status, made["key"], made["condition"]) == (201, "dutch", "country is “NL”")
    path = f"segments/{made['id']}/"
    assert [it["profile_id"] for it in call("GET", f"{path}members/")[1]["results"]] == [str(alice)]
    assert call("GET", f"{path}size/") == (200, {"listed": 1, "withheld": 0})
    assert call("GET", path)[0] == 200
    etag = call.etag  # type: ignore[attr-defined]
    assert call("GET", path, **{"If-None-Match": etag})[0] == 304
    assert call("PATCH", path, {"name": "The Dutch"}, **{"If-Match": etag})[0] == 200
    assert call("PATCH", path, {"name": "Others"}, **{"If-Match": etag})[0] == 412
    status, why = call("GET", f"{path}why/{alice}/")
    assert (status, why["true"], why["value"]) == (200, True, "NL")
    assert call("DELETE", path)[0] == 204
    assert call("GET", path)[0] == 404


def test_faults_name_the_place_and_the_remedy(call: Call) -> None:
    rule = {"all": [DUTCH, {"trait": "email", "is": "x"}, {"event": "Order Completed", "count": {"gte": "3"}}]}
    status, problem = call("POST", "segments/", {"name": "x", "rule": rule, "purpose": "nothing"})
    assert (status, problem["code"]) == (400, "invalid_rule")
    assert [it["field"] for it in problem["errors"]] == ["rule.all[1].trait", "rule.all[2].count.gte", "purpose"]
    assert all(it["remedy"] for it in problem["errors"])


def test_preview_and_schema(call: Call) -> None:
    many(3, [DUTCH and {"country": "NL"}])
    status, found = call("POST", "segments/preview/", {"rule": DUTCH})
    assert (status, found["size"], len(found["sample"])) == (200, {"count": 3, "error": 0}, 3)
    assert call("POST", "segments/preview/", {"rule": {"nothing": 1}})[0] == 400
    assert call("GET", "segments/schema/")[1]["title"] == "Segment rule"


def test_pages_and_history(call: Call) -> None:
    dutch = segment("dutch", DUTCH)
    people = many(5, [{"country": "NL"}])
    rebuild(at=NOW)
    found, cursor = [], ""
    while True:
        page = call("GET", f"segments/{dutch.id}/members/?limit=2{cursor}")[1]
        found += [it["profile_id"] for it in page["results"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == sorted(str(it) for it in people)
    status, past = call("GET", f"segments/{dutch.id}/history/?at=2026-03-02T00:00:00Z")
    assert (status, past["listed"], len(past["results"])) == (200, 5, 5)
    assert call("GET", f"segments/{dutch.id}/history/?at=2026-02-02T00:00:00Z")[1]["listed"] == 0
    assert call("GET", f"segments/{dutch.id}/history/?at=yesterday")[0] == 400
    assert call("GET", f"segments/{dutch.id}/members/?cursor=x")[0] == 400


def test_without_permission_there_is_no_why(call: Call) -> None:
    from consent.models import Purpose

    Purpose.objects.create(key="newsletter", name="Newsletter", basis="consent")
    dutch = segment("dutch", DUTCH, purpose="newsletter")
    alice = person({"country": "NL"})
    rebuild(at=NOW)
    assert call("GET", f"segments/{dutch.id}/size/")[1] == {"listed": 0, "withheld": 1}
    assert call("GET", f"segments/{dutch.id}/members/")[1]["results"] == []
    assert call("GET", f"segments/{dutch.id}/why/{alice}/")[0] == 403
    assert call("GET", f"segments/{dutch.id}/why/{uuid4()}/")[0] == 404


def test_an_analyst_sees_rounded_counts_and_no_people() -> None:
    ensure_roles()
    dutch = segment("dutch", DUTCH)
    many(12, [{"country": "NL"}])
    rebuild(at=NOW)
    client = Client()
    client.force_login(create_user("ann", "analyst", by=SYSTEM)[0], backend="django.contrib.auth.backends.ModelBackend")
    call = caller(client)
    assert call("GET", f"segments/{dutch.id}/size/")[1]["listed"] == 10
    assert call("GET", f"segments/{dutch.id}/members/")[0] == 403
    assert call("POST", "segments/", {"name": "x", "rule": DUTCH})[0] == 403


def test_a_key_without_the_scope_is_refused() -> None:
    _, token = create_key("test", ["profiles:read"], SYSTEM)
    call = caller(Client(headers={"authorization": f"Bearer {token}"}))
    assert call("GET", "segments/")[0] == 403
    assert caller(Client())("GET", "segments/")[0] == 401


def test_rights_on_single_segments() -> None:
    from guardian.shortcuts import assign_perm

    ensure_roles()
    dutch, _ = segment("dutch", DUTCH), segment("german", {"trait": "country", "is": "DE"})
    user, _ = create_user("ann", "steward", by=SYSTEM)
    user.groups.first().permissions.clear()
    assign_perm("view_segment", user, dutch)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    call = caller(client)
    assert [it["key"] for it in call("GET", "segments/")[1]["results"]] == ["dutch"]
    assert call("GET", f"segments/{Segment.objects.get(key='german').id}/")[0] == 404


def test_a_live_event_shows_at_once(call: Call) -> None:
    from django.utils import timezone

    from segments.live import refresh

    buyers = segment("buyers", {"event": "Order Completed"})
    alice = person()
    happened(alice, "Order Completed", 1)
    refresh([alice], at=timezone.now())
    assert call("GET", f"segments/{buyers.id}/size/")[1]["listed"] == 1
