"""Admin pages of groups: masked by role, opened with a reason, refused without a member's permission."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.console.conftest import entries, secrets_of, signed_in
from tests.groups.conftest import CITY, COMPANY, Groups
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db
SECRET = (COMPANY, CITY, "We sell", "slogan", *secrets_of(ALICE), *secrets_of(BOB))


def _text(client: Client, name: str, *args: object) -> str:
    answer = client.get(reverse(f"admin:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def _shown(text: str) -> list[str]:
    return [secret for secret in SECRET if secret in text]


@pytest.mark.parametrize("role", ["steward", "marketer"])
def test_pages_are_masked(groups: Groups, role: str) -> None:
    client = signed_in(role)
    listed = _text(client, "groups_group_changelist")
    assert "A•••" in listed
    assert "plan enterprise" in listed
    page = _text(client, "groups_group_change", groups.acme)
    for expected in ("A•••", "enterprise", "310", "shop", "2 members", f"/profile/{groups.world.alice}/"):
        assert expected in page
    of_person = _text(client, "identity_profile_change", groups.world.alice)
    assert str(groups.acme) in of_person
    assert not _shown(listed + page)
    assert COMPANY not in of_person
    assert [entry["object_id"] for entry in entries("group.members")] == [str(groups.acme)]


@pytest.mark.parametrize("role", ["admin", "analyst", "compliance"])
def test_who_sees_no_people_sees_no_groups(groups: Groups, role: str) -> None:
    client = signed_in(role)
    for name, *args in (("groups_group_changelist",), ("groups_group_change", groups.acme)):
        assert client.get(reverse(f"admin:{name}", args=args)).status_code == 403
    assert client.post(reverse("admin:console_group_lookup"), {"value": "acme"}).status_code == 403
    assert client.get(reverse("admin:console_group_members", args=[groups.acme])).status_code == 403


def _reveal(client: Client, groups: Groups, **form: str) -> Any:
    said = {"purpose": "operate", "reason": "Their contract is renewed today", **form}
    return client.post(reverse("admin:console_group_reveal", args=[groups.acme]), said)


def test_a_steward_opens_a_group_with_a_reason_but_not_its_people(groups: Groups) -> None:
    client = signed_in("steward")
    assert _reveal(client, groups).status_code == 302
    page = _text(client, "groups_group_change", groups.acme)
    for expected in ("Archer &amp; Daughters", CITY, "We sell", "slogan", ">acme<"):
        assert expected in page.replace("</span> acme", "</span>>acme")
    assert ALICE.email not in page
    assert entries("group.reveal")[0]["object_id"] == str(groups.acme)
    client.post(reverse("admin:console_group_close", args=[groups.acme]))
    assert not _shown(_text(client, "groups_group_change", groups.acme))


def test_a_group_stays_closed_without_reason_right_or_permission(groups: Groups) -> None:
    steward = signed_in("steward")
    for form in ({"reason": "short"}, {"purpose": "news"}, {"purpose": "nothing"}, {"purpose": ""}):
        _reveal(steward, groups, **form)
        assert not _shown(_text(steward, "groups_group_change", groups.acme)), form
    assert _reveal(signed_in("marketer"), groups).status_code == 403
    assert entries("group.reveal") == []


def test_a_group_is_found_by_its_id(groups: Groups) -> None:
    client = signed_in("marketer")
    answer = client.post(reverse("admin:console_group_lookup"), {"value": ALICE.email})
    assert answer["Location"] == reverse("admin:groups_group_change", args=[groups.home])
    for value in (BOB.email, "", "x" * 2000):
        answer = client.post(reverse("admin:console_group_lookup"), {"value": value})
        assert answer["Location"] == reverse("admin:groups_group_changelist")


def test_a_group_of_somebody_who_permits_nothing_is_refused(groups: Groups, say_of: Callable[..., None]) -> None:
    say_of("operate", "withdrawn")
    client = signed_in("steward")
    answer = client.get(reverse("admin:groups_group_change", args=[groups.home]))
    assert answer.status_code == 403
    assert "None of its members permits it" in answer.content.decode()
    assert str(groups.home) not in _text(client, "groups_group_changelist")
    assert str(groups.world.alice) not in _text(client, "groups_group_change", groups.acme)


def test_an_address_that_names_no_group_is_not_found(groups: Groups) -> None:
    client = signed_in("steward")
    for address in (
        reverse("admin:groups_group_change", args=["x"]),
        reverse("admin:groups_group_change", args=[groups.world.alice]),
        reverse("admin:console_group_members", args=[groups.acme]) + "?after=x",
    ):
        assert client.get(address).status_code == 404
