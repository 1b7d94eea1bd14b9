"""The history of merges and the list of decisions in admin: in words, with names as far as one may see them, and undo."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from cdp.audit import Actor
from cdp.ids import uuid7
from identity import decide
from identity.models import Constraint, Merge, Profile
from tests.console.conftest import NOW, World, entries, signed_in
from tests.console.test_pages import page_of, shows
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db
LIST, DECISIONS = "/admin/identity/merge/", "/admin/identity/constraint/"


@pytest.fixture
def act(world: World) -> Merge:
    """Kim joined Alice and Bob by hand."""
    kim = User.objects.create_user("kim")
    done = decide.same_person(world.alice, world.bob, by=Actor("user", str(kim.pk)), at=NOW)
    return Merge.objects.get(pk=done.merges[0])


def moved(act: Merge) -> str:
    """What the page says of it: two profiles of one moment may merge either way."""
    return "1 record of shop joined" if len(act.records) == 1 else "2 records of shop, till joined"


def test_a_merge_is_told_in_words_and_undone_from_its_page(world: World, act: Merge) -> None:
    client = signed_in("steward")
    status, text = page_of(client, LIST)
    assert status == 200
    person = reverse("admin:identity_profile_change", args=[act.profile_id])
    for words in (moved(act), "kim", "decided by a person about", person):
        assert words in text, words
    assert f"user:{User.objects.get(username='kim').pk}" not in text
    assert not shows(text, ALICE)
    page = reverse("admin:identity_merge_change", args=[act.pk])
    text = page_of(client, page)[1]
    for words in (moved(act), "kim", "What would happen", "its old id again"):
        assert words in text, words
    assert not shows(text, ALICE)
    assert not shows(text, BOB)
    undo = reverse("admin:console_merge_undo", args=[act.pk])
    done = client.post(undo, follow=True)
    assert done.redirect_chain[-1][0] == LIST
    assert "Undone. It stays so" in done.content.decode()
    assert Profile.objects.count() == 2
    assert "somebody else" in page_of(client, page)[1]
    assert "What would happen" not in page_of(client, page)[1]
    assert "It was undone already" in client.post(undo, follow=True).content.decode()
    decided = page_of(client, DECISIONS)[1]
    assert "two people" in decided
    assert "shop" in decided
    assert not shows(decided, ALICE)


def test_many_are_undone_at_once_the_newest_first(world: World, act: Merge) -> None:
    client = signed_in("steward")
    body = {"action": "undo", "_selected_action": [str(act.pk)]}
    assert "Undone: 1" in client.post(LIST, body, follow=True).content.decode()
    assert "It was undone already" in client.post(LIST, body, follow=True).content.decode()


def test_who_may_not_decide_undoes_nothing(world: World, act: Merge) -> None:
    page, undo = (reverse(f"admin:{it}", args=[act.pk]) for it in ("identity_merge_change", "console_merge_undo"))
    marketer = signed_in("marketer")
    assert moved(act) in page_of(marketer, LIST)[1]
    text = page_of(marketer, page)[1]
    assert "What would happen" not in text
    assert not shows(text, ALICE)
    assert marketer.post(undo).status_code == 403
    for role in ("analyst", "admin"):
        client = signed_in(role)
        assert [client.get(it).status_code for it in (LIST, page)] == [403, 403]
    assert Profile.objects.count() == 1
    steward = signed_in("steward")
    for wrong in (uuid7(), "x"):
        assert steward.get(f"{LIST}{wrong}/change/").status_code == 404
    assert steward.get(undo).status_code == 405
    assert entries("merge.list")


def test_who_permits_nothing_is_withheld_and_whoever_is_gone_is_no_error(
    world: World, act: Merge, say: Callable[..., None]
) -> None:
    say("*", "restricted")
    client = signed_in("steward")
    assert "withheld" in page_of(client, LIST)[1]
    Merge.objects.update(profile_id=uuid7(), others=[uuid7()], records=[uuid7()], because={})
    for one in Constraint.objects.all():
        Constraint.objects.filter(pk=one.pk).update(left_id=uuid7())
    for address in (LIST, DECISIONS, reverse("admin:identity_merge_change", args=[act.pk])):
        assert client.get(address).status_code == 200, address
