"""Questions to stewards: answered, undone, remembered, in REST."""

import pytest

from cdp.ids import uuid7
from identity import decide, queue
from identity.labels import labels
from identity.models import Constraint, Merge, Review
from identity.rebuild import rebuild
from tests.console.conftest import entries
from tests.identity.cases import CRM, LATER, SHOP, profiles, said, see, together
from tests.identity.test_decide import STEWARD, named
from tests.identity.test_rest import client, post
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def asked(a, b, reason="near_even", probability=0.5):
    """A question about two records, as the live flow asks it."""
    left, right = sorted((a.record_id, b.record_id))
    return Review.objects.create(
        left_id=left, right_id=right, probability=probability, bits=0.0, reason=reason, at=LATER
    )


@pytest.fixture
def pair():
    [a] = see(said("1", source=CRM, **named(ALICE)))
    [b] = see(said("2", **named(ALICE)))
    return a, b, asked(a, b)


def answer(who, verdict, *reviews, **more):
    return post(who, "reviews/answer/", {"reviews": [str(it.id) for it in reviews], "verdict": verdict, **more})


def test_same_joins_different_parts_unsure_takes_back_and_undo_is_exact(pair):
    a, b, it = pair
    who, before = client("merges:*"), profiles()
    [row] = who.get("/api/v1/reviews/?state=open").json()["results"]
    assert (row["id"], row["left_profile"]) != (None, row["right_profile"])
    dry = answer(who, "same", it, dry_run=True).json()
    assert len(dry["would"]) == 1
    assert profiles() == before
    done = answer(who, "same", it).json()
    assert (done["decided"], len(done["merges"])) == (1, 1)
    assert together(a, b)
    assert [label.same for label in labels()] == [True]
    assert rebuild(check=True, at=LATER) == 0
    assert answer(who, "same", it).json()["decided"] == 0
    assert post(who, "reviews/undo/", {"batch": done["batch"]}).status_code == 200
    assert (profiles(), labels()) == (before, [])
    assert Review.objects.get().state == "open"
    assert post(who, "reviews/undo/", {"batch": done["batch"]}).status_code == 409
    answer(who, "different", it)
    assert [label.same for label in labels()] == [False]
    see(said("2", ("email", ALICE.email)), said("1", ("email", ALICE.email), source=CRM))
    assert not together(a, b)
    answer(who, "unsure", it)
    assert together(a, b)
    assert (labels(), Review.objects.get().state) == ([], "unsure")


def test_a_decision_elsewhere_answers_the_question_and_its_withdrawal_asks_again(pair):
    a, b, it = pair
    who = client("merges:*")
    batch = answer(who, "same", it).json()["batch"]
    decide.cannot_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    assert Review.objects.get().state == "different"
    assert post(who, "reviews/undo/", {"batch": batch}).status_code == 409
    decide.withdraw([(a.record_id, b.record_id)], by=STEWARD, at=LATER)
    assert Review.objects.get().state == "open"


def test_answers_in_a_batch_are_all_or_none(pair):
    a, b, it = pair
    [c, d] = see(said("8", source=CRM, **named(BOB)), said("9", source=SHOP, **named(BOB)))
    other = asked(c, d, reason="guard", probability=0.8)
    who = client("merges:*")
    body = {"reviews": [str(it.id), str(uuid7())], "verdict": "same"}
    assert post(who, "reviews/answer/", body).status_code == 409
    assert not together(a, b)
    batch = answer(who, "same", it, other).json()
    assert batch["decided"] == 2
    assert together(a, b)
    assert together(c, d)
    assert not together(a, c)
    found = who.get(f"/api/v1/reviews/?batch={batch['batch']}").json()["results"]
    assert len(found) == 2
    assert {row["decided_by"].partition(":")[0] for row in found} == {"key"}
    post(who, "reviews/undo/", {"batch": batch["batch"]})
    assert not together(c, d)
    assert not Constraint.objects.exists()
    assert not Merge.objects.filter(kind="merged", undone_at=None).exists()


def test_the_queue_filters_counts_and_hides_what_links_have_settled(pair):
    a, b, it = pair
    [c] = see(said("8", source=CRM, **named(BOB)))
    asked(a, c, reason="guard", probability=0.2)
    who = client("merges:read")

    def found(query):
        return len(who.get(f"/api/v1/reviews/?{query}").json()["results"])

    assert [found(query) for query in ("", "reason=guard", "probability_min=0.4", "probability_max=0.4")] == [
        2,
        1,
        1,
        1,
    ]
    assert [found(f"source={source}") for source in (CRM, SHOP)] == [2, 1]
    assert [found("since=2026-03-03T00:00:00Z"), found("before=2026-03-03T00:00:00Z"), found("state=same")] == [2, 0, 0]
    assert who.get("/api/v1/reviews/?why=1").status_code == 400
    assert who.get("/api/v1/reviews/?probability_min=2").status_code == 400
    assert queue.counts() == {"near_even": 1, "guard": 1}
    see(said("1", ("email", ALICE.email), source=CRM), said("2", ("email", ALICE.email)))
    assert together(a, b)
    assert found("state=open") == 1
    one = who.get(f"/api/v1/reviews/{Review.objects.get(reason='guard').id}/").json()
    assert (one["waterfall"], one["model_version"], one["shared"]) == ([], None, [])
    assert who.get(f"/api/v1/reviews/{uuid7()}/").status_code == 404
    assert answer(who, "same", it).status_code == 403
    assert client("profiles:read").get("/api/v1/reviews/").status_code == 403


def test_an_answer_takes_nothing_back_that_was_decided_elsewhere_meanwhile(pair):
    a, b, it = pair
    decide.must_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    who = client("merges:*")
    answer(who, "different", it)
    decide.withdraw([(it.left_id, it.right_id)], by=STEWARD, at=LATER)
    decide.cannot_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    answer(who, "unsure", it)
    assert not Constraint.objects.exists()
    assert not together(a, b)


def test_undo_goes_back_answer_by_answer_whatever_was_answered_over_what(pair):
    a, b, it = pair
    decide.must_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    Review.objects.update(state="open")
    who, states = client("merges:*"), []

    def state():
        held = Constraint.objects.values_list("verdict", flat=True)
        return Review.objects.get().state, sorted(held), together(a, b)

    states = [state()]
    batches = []
    for verdict in ("different", "unsure", "same", "different", "unsure"):
        batches.append(answer(who, verdict, it).json()["batch"])
        states.append(state())
    for batch in reversed(batches):
        states.pop()
        assert post(who, "reviews/undo/", {"batch": batch}).status_code == 200
        assert state() == states[-1]
    assert post(who, "reviews/undo/", {"batch": batches[0]}).status_code == 409
    assert rebuild(check=True, at=LATER) == 0


def test_what_another_answer_decided_too_is_as_undecided_as_before_when_that_is_undone(pair):
    a, _, it = pair
    [c] = see(said("3", source=SHOP, **named(ALICE)))
    other, who = asked(a, c), client("merges:*")
    unsure = answer(who, "unsure", other).json()["batch"]
    batch = answer(who, "same", it).json()["batch"]
    decide.part_pairs([(a.record_id, c.record_id)], by=STEWARD, at=LATER)
    assert Review.objects.get(pk=other.id).state == "different"
    decide.withdraw([(a.record_id, c.record_id)], by=STEWARD, at=LATER)
    left = Review.objects.get(pk=other.id)
    assert (left.state, str(left.batch), left.earlier) == ("unsure", unsure, None)
    for one in (batch, unsure):
        assert post(who, "reviews/undo/", {"batch": one}).status_code == 200
    assert {it.state for it in Review.objects.all()} == {"open"}


def test_one_decision_is_one_label_and_knows_whether_chance_drew_it(pair):
    a, b, it = pair
    others = [see(said(f"o{n}", source=CRM, **named(BOB)))[0].record_id for n in range(4)]
    decide.part_pairs([(a.record_id, other) for other in others], by=STEWARD, at=LATER)
    assert [(label.drawn, label.weight) for label in labels()] == [(False, 0.25)] * 4
    answer(client("merges:*"), "different", it)
    assert sorted((label.drawn, label.weight) for label in labels()) == [(False, 0.25)] * 4 + [(True, 1.0)]
    Review.objects.update(reason="suspect")
    assert {label.drawn for label in labels()} == {False}
    decide.cannot_link(a.record_id, b.record_id, by=STEWARD, at=LATER)  # on the profile page
    Review.objects.update(reason="near_even")
    assert {label.drawn for label in labels()} == {False}


def test_a_question_is_read_for_a_purpose_that_both_people_permit(pair):
    _, _, it = pair
    assert client("merges:read").get(f"/api/v1/reviews/{it.id}/").status_code == 200
    refused = client("merges:read", purpose="news").get(f"/api/v1/reviews/{it.id}/")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    [_, denied] = entries("review.read")
    assert (denied["outcome"], denied["purpose"], denied["object_id"], denied["rows"]) == (
        "denied",
        "news",
        str(it.id),
        0,
    )
