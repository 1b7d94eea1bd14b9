"""Admin: who may open which page, and what of people it shows."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cdp.audit import SYSTEM
from cdp.audit.models import Entry
from cdp.audit.sequencer import sequence
from cdp.connectors.models import RowError, Run
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad
from identity.models import Profile, Record, Redirect
from segments.define import define
from tests.console.conftest import NOW, World, entries, secrets_of, signed_in
from tests.people import ALICE, BOB, Person

pytestmark = pytest.mark.django_db
ROLES = ("admin", "steward", "marketer", "analyst", "compliance")
PEOPLE = {"steward", "marketer"}


def page_of(client: Client, address: str) -> tuple[int, str]:
    """Status and text."""
    answer = client.get(address)
    return answer.status_code, unescape(answer.content.decode())


def profile_page(world: World) -> str:
    """Alice's."""
    return reverse("admin:identity_profile_change", args=[world.alice])


def shows(text: str, person: Person) -> list[str]:
    """What of a person stands in clear in a text."""
    return [secret for secret in secrets_of(person) if secret in text]


@pytest.mark.parametrize("role", ROLES)
def test_home_opens_for_every_role_and_names_nobody(world: World, role: str) -> None:
    client = signed_in(role)
    for address in ("/admin/", "/admin/live/"):
        status, text = page_of(client, address)
        assert status == 200
        assert "What became of them" in text
        assert not shows(text, ALICE)
    assert ("≈ 0" in text) == (role in {"admin", "analyst", "compliance"})


@pytest.mark.parametrize("role", ROLES)
def test_navigation_shows_only_what_opens(world: World, role: str) -> None:
    client = signed_in(role)
    from cdp.console.navigation import navigation

    request = client.get("/admin/").wsgi_request
    items = [item for group in navigation(request) for item in group["items"]]
    assert ("Profiles" in {item["title"] for item in items}) == (role in PEOPLE)
    assert ("Quality" in {item["title"] for item in items}) == (role == "steward")
    assert ("Audit trail" in {item["title"] for item in items}) == (role == "compliance")
    for item in items:
        assert client.get(item["link"]).status_code == 200, item["link"]


def test_every_page_of_the_sidebar_exists() -> None:
    from cdp.console.navigation import GROUPS

    asked = {page.model for _, pages in GROUPS for page in pages}
    assert asked == {it for it in asked if admin.site.is_registered(apps.get_model(it))}


@pytest.mark.parametrize("role", ROLES)
def test_profiles_are_for_stewards_and_marketers_and_masked(world: World, role: str) -> None:
    client = signed_in(role)
    expected = 200 if role in PEOPLE else 403
    for address in (reverse("admin:identity_profile_changelist"), profile_page(world)):
        status, text = page_of(client, address)
        assert status == expected
        assert not shows(text, ALICE)
        assert "Rex" not in text
        assert "petName" not in text
    if role in PEOPLE:
        assert "A••• A•••" in text
        assert ("Reveal" in text) == (role == "steward")
        read = [entry for entry in entries("profile.read") if entry["outcome"] == "success"]
        assert read[-1]["details"]["open"] is False
        assert {"email", "lastName"} <= set(read[-1]["fields"])


def test_a_steward_reveals_sees_and_masks_again(world: World) -> None:
    client = signed_in("steward")
    reveal = reverse("admin:console_reveal", args=[world.alice])
    refused = client.post(reveal, {"purpose": "operate", "reason": "short"}, follow=True)
    assert "Not opened" in refused.content.decode()
    refused = client.post(reveal, {"purpose": "news", "reason": "A long enough reason"}, follow=True)
    assert "no entry" in refused.content.decode()
    assert not shows(page_of(client, profile_page(world))[1], ALICE)
    client.post(reveal, {"purpose": "operate", "reason": "Customer asked on the phone"})
    status, text = page_of(client, profile_page(world))
    assert status == 200
    assert {ALICE.last, ALICE.email, ALICE.user_id} <= set(shows(text, ALICE))
    assert "ring twice 3" in text
    assert not shows(page_of(client, reverse("admin:identity_profile_change", args=[world.bob]))[1], BOB)
    client.post(reverse("admin:console_close", args=[world.alice]))
    assert not shows(page_of(client, profile_page(world))[1], ALICE)
    assert signed_in("marketer").post(reveal, {"purpose": "operate", "reason": "I would like to"}).status_code == 403


def test_a_person_who_permits_nothing_is_not_shown(world: World, say: Callable[..., None]) -> None:
    say("*", "restricted")
    client = signed_in("steward")
    status, text = page_of(client, profile_page(world))
    assert status == 403
    assert "restricted" in text
    assert "country" not in text
    assert str(world.alice) not in page_of(client, reverse("admin:identity_profile_changelist"))[1]
    assert client.get(reverse("admin:console_timeline", args=[world.alice])).status_code == 403
    assert entries("profile.read")[-1]["outcome"] == "denied"


def test_looking_somebody_up_keeps_the_value_out_of_the_address(world: World) -> None:
    client = signed_in("marketer")
    address = reverse("admin:console_lookup")
    assert client.get(address).status_code == 405
    found = client.post(address, {"kind": "phone", "value": "(202) 555-0101"})
    assert (found.status_code, found["Location"]) == (302, profile_page(world))
    missed = client.post(address, {"kind": "email", "value": "nobody.here@example.com"})
    assert missed["Location"] == reverse("admin:identity_profile_changelist")
    assert "nobody" not in str(entries("profile.lookup"))
    assert signed_in("analyst").post(address, {"kind": "email", "value": ALICE.email}).status_code == 403


def test_merged_away_ids_lead_on_and_broken_ones_nowhere(world: World) -> None:
    client, old = signed_in("steward"), uuid4()
    Redirect.objects.create(old_id=old, new_id=world.alice)
    assert client.get(reverse("admin:identity_profile_change", args=[old]))["Location"] == profile_page(world)
    assert client.get(reverse("admin:identity_profile_change", args=[uuid4()])).status_code == 404
    assert client.get("/admin/identity/profile/nonsense/change/").status_code == 404


def test_records_are_taken_out_by_a_steward_and_the_split_is_undone(world: World) -> None:
    record = Record.objects.get(profile_id=world.alice, source_id=world.till.id)
    decide = reverse("admin:console_decide", args=[world.alice])
    body = {"verb": "unmerge", "record": [record.id]}
    assert signed_in("marketer").post(decide, body).status_code == 403
    client = signed_in("steward")
    would = client.post(decide, body)
    assert would.status_code == 200
    assert "a new profile" in would.content.decode()
    record.refresh_from_db()
    assert record.profile_id == world.alice
    client.post(decide, {**body, "sure": "1"})
    record.refresh_from_db()
    assert record.profile_id != world.alice
    status, text = page_of(client, profile_page(world))
    assert status == 200
    assert "split" in text
    act = Profile.objects.get(pk=world.alice)
    from identity.models import Merge

    split = Merge.objects.get(profile_id=act.id, kind="split")
    client.post(decide, {"verb": "undo", "about": split.id, "sure": "1"})
    record.refresh_from_db()
    assert record.profile_id == world.alice


def test_fragments_of_the_page(world: World) -> None:
    client = signed_in("marketer")
    before = f"{(NOW - timedelta(hours=3)).isoformat()}|{uuid7()}"
    status, text = page_of(client, reverse("admin:console_timeline", args=[world.alice]) + f"?before={before}")
    assert status == 200
    assert "ring twice" not in text
    assert client.get(reverse("admin:console_timeline", args=[world.alice]) + "?before=x").status_code == 404
    assert client.get(reverse("admin:console_why", args=[world.alice]) + "?segment=none").status_code == 404


def test_an_unknown_segment_in_the_address_lists_nobody(world: World) -> None:
    define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    status, text = page_of(signed_in("marketer"), reverse("admin:identity_profile_changelist") + "?segment=none")
    assert status == 200
    assert "A•••" not in text


def test_who_looked_is_shown_to_stewards(world: World) -> None:
    page_of(signed_in("marketer"), profile_page(world))
    sequence()
    assert Entry.objects.filter(action="profile.read").count() == 1
    _, text = page_of(signed_in("steward"), profile_page(world))
    assert "Who looked" in text
    assert "marketer" in text
    assert "Who looked" not in page_of(signed_in("integration"), profile_page(world))[1]


def test_the_page_of_sources_shows_counts_runs_and_errors(world: World) -> None:
    run = Run(id=uuid7(), source_id=world.till.id, fingerprint=uuid4(), total=200, position=50, accepted=48, rejected=2)
    name = b"alice-archer-export.csv"
    run.label_sealed = keys.system("connectors").seal(name, aad=aad("connectors_run", run.id, "label_sealed"))
    run.save()
    RowError.objects.create(run=run, row=7, column="email", reason="unreadable_row")
    for role in ROLES:
        client = signed_in(role)
        status, text = page_of(client, "/admin/data/sources/")
        assert status == 200
        assert "25 %" in text
        assert "row 7, email: unreadable row" in text
        assert "alice" not in text.lower()
    steward = Client()
    steward.force_login(User.objects.get(username="steward"), backend="django.contrib.auth.backends.ModelBackend")
    assert "alice-archer" in page_of(steward, reverse("admin:connectors_run_change", args=[run.id]))[1]


def test_an_empty_installation_has_a_home_too(db: None) -> None:
    for role in ("admin", "steward"):
        status, text = page_of(signed_in(role), "/admin/")
        assert status == 200
        assert "No source yet" in text
        assert page_of(Client(), "/admin/live/")[0] == 302
    steward = signed_in("compliance")
    assert "No source yet" in page_of(steward, "/admin/data/sources/")[1]
