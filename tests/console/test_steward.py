"""The steward's desk in admin: queue, pair, decisions, quality; what it shows of people, and to whom."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from identity import decide, quality, review
from identity.models import Constraint, Record, Review, Suspect
from identity.observe import observe
from identity.suspects import LINE
from tests.console.conftest import NOW, World, entries, observation, signed_in
from tests.console.test_pages import page_of, profile_page, shows
from tests.identity.cases import said, see
from tests.identity.test_decide import STEWARD
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def record_of(profile: UUID, source: Any) -> UUID:
    """A profile's record of one source."""
    return Record.objects.get(profile_id=profile, source_id=source.id).id


@pytest.fixture
def question(world: World) -> Review:
    """Are Alice at the till and Bob one person?"""
    left, right = sorted((record_of(world.alice, world.till), record_of(world.bob, world.shop)))
    return Review.objects.create(left_id=left, right_id=right, probability=0.5, bits=0, reason="near_even", at=NOW)


def pair_page(question: Review) -> str:
    """The page of the pair."""
    return reverse("admin:identity_review_change", args=[question.id])


def test_the_desk_is_for_stewards_alone(world: World, question: Review) -> None:
    addresses = [reverse("admin:identity_review_changelist"), pair_page(question), reverse("admin:console_quality")]
    for role in ("marketer", "analyst", "admin", "compliance"):
        client = signed_in(role)
        assert [client.get(it).status_code for it in addresses] == [403, 403, 403], role
        assert (
            client.post(reverse("admin:console_review_answer", args=[question.id]), {"verdict": "same"}).status_code
            == 403
        )
        assert client.post(reverse("admin:console_quality_draw")).status_code == 403


def test_a_pair_side_by_side_is_masked_and_its_parts_compared_as_they_are(world: World, question: Review) -> None:
    client = signed_in("steward")
    status, text = page_of(client, reverse("admin:identity_review_changelist"))
    assert status == 200
    assert "near even" in text
    for address in (reverse("admin:identity_review_changelist"), pair_page(question)):
        assert not shows(page_of(client, address)[1], ALICE)
        assert not shows(page_of(client, address)[1], BOB)
    status, text = page_of(client, pair_page(question))
    assert status == 200
    assert "differ" in text
    assert "What would happen" in text
    assert "petName" not in text
    read = entries("review.read")[-1]
    assert (read["details"]["open"], "email" in read["fields"]) == (False, True)


def test_answers_and_undo_lead_through_the_queue(world: World, question: Review) -> None:
    client = signed_in("steward")
    done = client.post(reverse("admin:console_review_answer", args=[question.id]), {"verdict": "different"})
    assert done["Location"].startswith(reverse("admin:identity_review_changelist"))
    assert Constraint.objects.get().verdict == "cannot_link"
    assert "two people" in client.get(profile_page(world), follow=True).content.decode()
    back = client.post(reverse("admin:console_review_undo"))
    assert back["Location"].startswith(pair_page(question))
    assert not Constraint.objects.exists()
    many = client.post(
        reverse("admin:console_review_answers"), {"review": [question.id], "verdict": "same"}, follow=True
    )
    assert "1 answered: the same person" in many.content.decode()
    assert Record.objects.values("profile_id").distinct().count() == 1
    assert "same person" in page_of(client, reverse("admin:identity_review_changelist") + "?state=same")[1]
    for body in ({"review": ["x"], "verdict": "same"}, {"review": [question.id], "verdict": "maybe"}, {}):
        assert client.post(reverse("admin:console_review_answers"), body).status_code in (302, 404)
    assert (
        client.get(reverse("admin:identity_review_changelist") + "?state=x&source=y&likely=z&age=1").status_code == 200
    )


def test_a_pair_of_somebody_who_permits_nothing_is_withheld(
    world: World, question: Review, say: Callable[..., None]
) -> None:
    say("*", "restricted")
    client = signed_in("steward")
    assert "withheld" in page_of(client, reverse("admin:identity_review_changelist"))[1]
    status, text = page_of(client, pair_page(question))
    assert (status, "may not be read" in text) == (200, True)
    assert "What would happen" not in text


def test_both_are_revealed_with_one_reason(world: World, question: Review) -> None:
    client = signed_in("steward")
    reveal = reverse("admin:console_review_reveal", args=[question.id])
    client.post(reveal, {"purpose": "operate", "reason": "short"})
    assert not shows(page_of(client, pair_page(question))[1], ALICE)
    client.post(reveal, {"purpose": "operate", "reason": "Are these two one customer?"})
    text = page_of(client, pair_page(question))[1]
    assert shows(text, ALICE)
    assert shows(text, BOB)


def test_both_are_revealed_or_neither(world: World, question: Review, say: Callable[..., None]) -> None:
    say("news", "granted")  # Alice alone
    client = signed_in("steward")
    body = {"purpose": "news", "reason": "Are these two one customer?"}
    text = client.post(reverse("admin:console_review_reveal", args=[question.id]), body, follow=True).content.decode()
    assert "Not opened" in text
    assert not shows(text, ALICE)
    assert not shows(page_of(client, profile_page(world))[1], ALICE)


def decided(client: Client, world: World, **body: Any) -> str:
    """What the page says after a decision was asked for."""
    answer = client.post(reverse("admin:console_decide", args=[world.alice]), body, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_two_people_are_joined_by_hand_from_the_profile_page_and_parted_from_its_history(world: World) -> None:
    client = signed_in("steward")
    by_email = {"verb": "same", "kind": "email", "other": BOB.email}
    text = decided(client, world, **by_email)
    assert "What would happen" in text
    assert "redirects" in text
    assert not shows(text, BOB)
    assert Record.objects.values("profile_id").distinct().count() == 2
    decided(client, world, verb="same", kind="profile", other=str(world.bob), sure="1")
    assert Record.objects.values("profile_id").distinct().count() == 1
    text = client.get(profile_page(world), follow=True).content.decode()
    assert "contradicts the others" in text
    assert "Why together?" in text
    one = Constraint.objects.all()[0]
    decided(client, world, verb="withdraw", about=str(one.id), sure="1")
    assert Record.objects.values("profile_id").distinct().count() == 2
    for body in (
        {"verb": "same", "kind": "profile", "other": "nobody"},
        {"verb": "same", "kind": "email", "other": "who@example.com"},
        {"verb": "same", "kind": "profile", "other": str(world.alice)},
        {"verb": "part", "record": [str(one.left_id)]},
        {"verb": "join"},
        {"verb": "withdraw", "about": str(one.id)},
    ):
        assert "What would happen" not in decided(client, world, **body)
    for body in ({"verb": "split"}, {"verb": "undo", "about": "x"}, {"verb": "undo", "about": str(one.id)}):
        assert client.post(reverse("admin:console_decide", args=[world.alice]), body).status_code == 404


def test_taking_back_what_was_decided_of_somebody_leaves_what_was_decided_of_others(world: World) -> None:
    others = [it.record_id for it in see(said("c", ("email", "c@example.com")), said("d", ("email", "d@example.com")))]
    alice, bob = (
        Record.objects.filter(profile_id=id).values_list("id", flat=True)[0] for id in (world.alice, world.bob)
    )
    decide.part_pairs([(alice, bob), (others[0], others[1])], by=STEWARD, at=NOW)
    about = Constraint.objects.get(left_id=min(alice, bob))
    decided(signed_in("steward"), world, verb="withdraw", about=str(about.id), sure="1")
    assert set(Constraint.objects.values_list("left_id", "right_id")) == {tuple(sorted(others))}


def looked_at() -> None:
    """A whole look."""
    scan = quality.begin(at=NOW)
    while quality.step(scan.id, at=NOW + timedelta(seconds=1)):
        pass


def test_weak_reasons_are_below_a_line_and_can_be_compared_too(world: World) -> None:
    client, page = signed_in("steward"), reverse("admin:console_quality")
    observe([observation(world.shop, ALICE, "second-id", at=NOW)], at=NOW)
    looked_at()
    [suspect] = Suspect.objects.all()
    assert (suspect.reasons["verified_ids"], suspect.joined["by"]) == (2, [])
    assert Suspect.objects.filter(weight__lt=LINE).exists()
    assert "Compare the two" not in page_of(client, page)[1]
    assert "1 with weak reasons only" in page_of(client, page)[1]
    weak = page_of(client, page + "?weak=1")[1]
    assert "same email" in weak
    assert not Review.objects.exists()
    button = reverse("admin:console_quality_question")
    for _ in range(2):
        shown = client.post(button, {"profile": suspect.profile_id}, follow=True)
        assert shown.redirect_chain[-1][0].startswith(pair_page(Review.objects.get()))
        assert "a steward wanted to compare the two" in shown.content.decode()
    assert len(entries("review.ask")) == 1
    looked_at()
    assert Review.objects.get().reason == "asked"
    for wrong in ("x", str(world.bob)):
        assert "not on the list any more" in client.post(button, {"profile": wrong}, follow=True).content.decode()
    assert signed_in("marketer").post(button, {"profile": suspect.profile_id}).status_code == 403


def test_the_quality_page_names_who_may_be_two_people(world: World) -> None:
    client = signed_in("steward")
    assert "Nobody has looked yet" in page_of(client, reverse("admin:console_quality"))[1]
    decide.same_person(world.alice, world.bob, by=STEWARD, at=NOW)
    looked_at()
    status, text = page_of(client, reverse("admin:console_quality"))
    assert status == 200
    assert "given names" in text
    assert "Compare the two" in text
    assert "by hand, user:7" in text
    assert "not alike" in text  # joined by hand, which likeness does not bear out
    for reason, found in (("given_names", True), ("birth_dates", False), ("none", True)):
        chosen = page_of(client, reverse("admin:console_quality") + f"?reason={reason}")[1]
        assert ("Compare the two" in chosen) == found, reason
    assert not shows(text, ALICE)
    [question] = Review.objects.filter(reason="suspect")
    parted = review.answer([question.id], "different", by=STEWARD, at=NOW)
    assert "No profile contradicts itself" in page_of(client, reverse("admin:console_quality"))[1]
    assert parted.batch is not None
    review.undo(parted.batch, by=STEWARD, at=NOW)
    [suspect] = Suspect.objects.all()
    client.post(reverse("admin:console_quality_clear"), {"profile": suspect.profile_id})
    assert Suspect.objects.get().cleared_by
    assert "No profile contradicts itself" in page_of(client, reverse("admin:console_quality"))[1]
    drawn = client.post(reverse("admin:console_quality_draw"), follow=True)
    assert "pairs drawn by chance" in drawn.content.decode()
    assert client.get(reverse("admin:console_quality_jobs")).status_code == 200
    for button, body in (("clear", {"profile": "x"}), ("activate", {"version": "7"}), ("deactivate", {})):
        answer = client.post(reverse(f"admin:console_quality_{button}"), body, follow=True)
        assert answer.status_code == 200, button
