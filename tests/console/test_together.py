"""The records of a person as one, as a steward reads it: why together, what differs, what a decision would do, what is open."""

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from cdp.console import figures
from identity import decide, quality
from identity.models import Constraint, MatchModel, QualityScan, Record
from identity.observe import observe
from tests.console.conftest import NOW, World, entries, observation, signed_in
from tests.console.test_pages import page_of, profile_page, shows
from tests.identity.test_decide import STEWARD
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def records(world: World, client: Client) -> str:
    """The text of Alice's page, or of whoever's profile hers was merged into."""
    answer = client.get(profile_page(world), follow=True)
    assert answer.status_code == 200
    return " ".join(unescape(answer.content.decode()).split())


def test_one_link_is_said_to_hold_two_profiles_together_only_if_it_does(world: World) -> None:
    client = signed_in("steward")
    # Two values join the two records: neither of them alone.
    two = records(world, client)
    assert "Without “same email” and “same phone” (" in two
    assert "bits together)" in two
    assert 'class="weak"' in two
    # Now each leads to each: no link is needed.
    observe([observation(world.till, ALICE, "T-2", at=NOW)], at=NOW)
    three = records(world, client)
    assert Record.objects.filter(profile_id=world.alice).count() == 3
    assert "this would be two profiles" not in three
    assert "No single link holds them together" in three
    assert 'class="weak"' not in three


def test_what_contradicts_is_named_before_what_is_weak(world: World) -> None:
    client = signed_in("steward")
    [bob] = Record.objects.filter(profile_id=world.bob)
    first = Record.objects.get(profile_id=world.alice, source_id=world.till.id)
    decide.same_person(world.alice, world.bob, by=STEWARD, at=NOW)  # of both of her records: their names contradict
    text = records(world, client)
    assert "this would be 2 profiles: nothing else joins them." in text
    assert text.count('class="weak"') == Constraint.objects.count() == 2
    # One of the two decided once more, at another moment: now neither act alone holds them.
    pair = Constraint.objects.filter(left_id__in=(first.id, bob.id), right_id__in=(first.id, bob.id))
    pair.update(at=NOW + timedelta(hours=1))
    text = records(world, client)
    assert "No single link joins those that contradict with the others" in text
    assert "The strongest is a steward's decision between" in text


def test_one_number_in_two_notations_does_not_differ(world: World) -> None:
    client, plain = signed_in("steward"), "".join(c for c in ALICE.phone if c in "+0123456789")
    assert plain != ALICE.phone
    for source, key, phone in ((world.shop, ALICE.user_id, ALICE.phone), (world.till, "T-1", plain)):
        observe([observation(source, ALICE, key, at=NOW, phone=phone)], at=NOW)
    text = records(world, client)
    assert "same number" in text
    assert ">differ<" not in text
    observe([observation(world.till, ALICE, "T-1", at=NOW + timedelta(hours=1), phone=BOB.phone)], at=NOW)
    text = records(world, client)
    assert "same number" not in text
    assert ">differ<" in text


def test_a_reveal_keeps_the_tab_and_opens_previews(world: World) -> None:
    client, page = signed_in("steward"), reverse("admin:identity_profile_change", args=[world.alice])
    assert '<option value="operate" selected>' in records(world, client)
    body = {"purpose": "operate", "reason": "Is this one customer?", "tab": "records"}
    till = Record.objects.get(profile_id=world.alice, source_id=world.till.id).id
    preview = {"verb": "unmerge", "record": [str(till)]}
    decide_door = reverse("admin:console_decide", args=[world.alice])
    assert not shows(client.post(decide_door, preview).content.decode(), ALICE)
    revealed = client.post(reverse("admin:console_reveal", args=[world.alice]), body)
    assert revealed["Location"] == f"{page}#records"
    shown = client.post(decide_door, preview).content.decode()
    assert ALICE.last in shown
    assert [it["details"]["open"] for it in entries("identity.foresee")] == [False, True]
    closed = client.post(reverse("admin:console_close", args=[world.alice]), {"tab": "//elsewhere"})
    assert closed["Location"] == page
    assert not shows(client.post(decide_door, preview).content.decode(), ALICE)
    # Who stays closed is not opened with somebody who does not.
    client.post(reverse("admin:console_reveal", args=[world.alice]), body)
    both = client.post(decide_door, {"verb": "same", "kind": "profile", "other": str(world.bob)}).content.decode()
    assert not shows(both, BOB)


def test_a_link_that_would_not_be_followed_is_told_in_words(world: World) -> None:
    client = signed_in("steward")
    till = Record.objects.get(profile_id=world.alice, source_id=world.till.id).id
    body = {"verb": "unmerge", "record": [str(till)]}
    text = client.post(reverse("admin:console_decide", args=[world.alice]), body).content.decode()
    assert "“same email”, “same phone” between" in text
    assert "a decision keeps records of the two apart" in text
    assert "loses 1 record, then has 1" in " ".join(text.split())
    assert "×" not in text


def test_the_figures_follow_a_look_and_say_when_it_has_ended(world: World) -> None:
    client, part = signed_in("steward"), reverse("admin:console_quality_figures")
    before = client.get(part).content.decode()
    assert "Nobody has looked yet" in before
    scan = quality.begin(at=NOW, whole=True)
    running = client.get(part).content.decode()
    assert "Looking at all profiles" in running
    assert "0 of 1" in running
    assert 'data-mark=""' in running
    while quality.step(scan.id, at=NOW + timedelta(seconds=1)):
        pass
    figures.forget()
    ended = client.get(part).content.decode()
    assert "Looking at all profiles" not in ended
    assert f'data-mark="{scan.id}"' in ended
    assert '<span class="n">1</span>' in ended  # Alice has two records, Bob one
    QualityScan.objects.create(began_at=NOW, since=NOW, ended_at=NOW + timedelta(minutes=5), counts={})
    assert f'data-mark="{scan.id}"' in client.get(part).content.decode()  # only a look at all loads the page again
    assert signed_in("marketer").get(part).status_code == 403


def test_what_a_version_would_change_is_shown_by_masked_name(world: World) -> None:
    said = {
        "at": NOW.isoformat(), "merging": 1, "parting": 1, "records": 3, "of": 3, "profiles": 2, "profiles_after": 2,
        "merging_sample": [[str(world.alice), str(world.bob)]], "parting_sample": [str(world.alice)],
    }  # fmt: skip
    MatchModel.objects.create(
        version=1, state=MatchModel.State.TRAINED, comparison=said, threshold=0.9, review_from=0.3
    )
    text = page_of(signed_in("steward"), reverse("admin:console_quality"))[1]
    assert "would be one" in text
    assert "would part" in text
    assert f"{ALICE.first[0]}••• {ALICE.last[0]}•••" in text
    assert not shows(text, ALICE)
    assert str(world.alice)[-6:] + "</a>" not in text
