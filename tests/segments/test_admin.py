"""Admin pages: what each role sees, faults in the form, and that changes go through the verbs."""

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client

from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from segments.models import Segment
from segments.rebuild import rebuild
from tests.segments.world import NOW, many, person, segment

pytestmark = pytest.mark.django_db
DUTCH = {"trait": "country", "is": "NL"}
LIST = "/admin/segments/segment/"


def as_role(role: str) -> Client:
    ensure_roles()
    client = Client()
    user = create_user(f"some-{role}", role, by=SYSTEM)[0]
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def form(rule: Any, **more: str) -> dict[str, str]:
    values = {"name": "Dutch", "key": "dutch", "description": "", "purpose": "operate", "enabled": "on"}
    return {**values, "rule": json.dumps(rule), **more}


def test_a_marketer_makes_changes_and_removes(django_capture_on_commit_callbacks: Any) -> None:
    client = as_role("marketer")
    alice = person({"country": "NL"})
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"{LIST}add/", form(DUTCH)).status_code == 302
    made = Segment.objects.get()
    assert made.built_at is not None
    page = client.get(LIST).content.decode()
    assert "country is “NL”" in page
    assert "<svg" in page
    assert client.get(f"{LIST}{made.pk}/change/").status_code == 200
    members = client.get(f"{LIST}{made.pk}/members/").content.decode()
    assert f"/admin/identity/profile/{alice}/change/" in members
    assert client.post(f"{LIST}{made.pk}/change/", form({"trait": "country", "is": "DE"})).status_code == 302
    assert Segment.objects.get().version == 2
    assert client.post(f"{LIST}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Segment.objects.exists()
    actions = [row.entry["action"] for row in Pending.objects.order_by("id")]
    assert [it for it in actions if it.startswith("segment.")] == [
        "segment.define", "segment.members", "segment.change", "segment.remove",
    ]  # fmt: skip


def test_faults_stand_at_the_rule() -> None:
    client = as_role("marketer")
    answer = client.post(f"{LIST}add/", form({"trait": "email", "is": "x"}))
    assert answer.status_code == 200
    assert "declare a coarse fact" in answer.content.decode()


def test_a_fault_says_what_may_have_been_meant() -> None:
    client = as_role("marketer")
    page = unescape(client.post(f"{LIST}add/", form({"event": "order complete"})).content.decode())
    assert "event is not declared: use Order Completed, or declare its name in the catalogue first." in page
    page = unescape(client.post(f"{LIST}add/", form({"trait": "cuntry", "is": "NL"})).content.decode())
    assert "trait is not declared: use country, or" in page


def test_the_editor_is_given_the_names_that_rules_may_use() -> None:
    page = as_role("marketer").get(f"{LIST}add/").content.decode()
    words = json.loads(page.partition('id="segment-words" type="application/json">')[2].partition("</script>")[0])
    assert words["traits"]["country"] == "text"
    assert "email" not in words["traits"]
    assert "Order Completed" in words["events"]
    assert 'href="/api/v1/segments/schema/"' in page


def test_a_segment_that_others_need_is_not_deleted() -> None:
    client = as_role("marketer")
    made = segment("dutch", DUTCH)
    segment("abroad", {"segment": "dutch", "member": False})
    assert "abroad refers to dutch" in client.get(f"{LIST}{made.pk}/delete/").content.decode()
    client.post(f"{LIST}{made.pk}/delete/", {"post": "yes"})
    assert Segment.objects.count() == 2


def test_preview_while_editing() -> None:
    client = as_role("marketer")
    many(3, [{"country": "NL"}])
    body = client.post(f"{LIST}preview/", {"rule": json.dumps({"all": [DUTCH, DUTCH]}), "purpose": "operate"})
    assert "<strong>3</strong>" in body.content.decode()
    assert "is not JSON yet" in client.post(f"{LIST}preview/", {"rule": "{", "purpose": "operate"}).content.decode()
    assert "exactly one of" in client.post(f"{LIST}preview/", {"rule": "{}", "purpose": "operate"}).content.decode()
    assert client.get(f"{LIST}preview/").status_code == 403


def test_an_analyst_sees_rounded_sizes_and_no_people() -> None:
    client = as_role("analyst")
    made = segment("dutch", DUTCH)
    people = many(13, [{"country": "NL"}])
    rebuild(at=NOW)
    page = client.get(LIST).content.decode()
    assert ">10</a>" in page
    members = client.get(f"{LIST}{made.pk}/members/").content.decode()
    assert str(people[0]) not in members
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{made.pk}/change/").status_code == 200


def test_a_stranger_is_sent_away() -> None:
    made = segment("dutch", DUTCH)
    for path in (LIST, f"{LIST}{made.pk}/members/", f"{LIST}{made.pk}/change/"):
        assert Client().get(path).status_code == 302
    assert as_role("compliance").get(LIST).status_code == 403
