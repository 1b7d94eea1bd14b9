"""Undo in the queue: as deep as the session."""

import pytest
from django.urls import reverse

from identity import review
from identity.models import Constraint, Review
from tests.console.conftest import NOW, World, signed_in
from tests.console.test_steward import pair_page, question
from tests.identity.cases import said, see
from tests.identity.test_decide import STEWARD

__all__ = ["question"]  # a fixture
pytestmark = pytest.mark.django_db


def test_undo_is_as_deep_as_the_session_and_says_so_when_nothing_is_left(world: World, question: Review) -> None:
    client = signed_in("steward")
    answer, undo = reverse("admin:console_review_answer", args=[question.id]), reverse("admin:console_review_undo")

    def pressed() -> tuple[str, str]:
        shown = client.post(undo, follow=True)
        return shown.redirect_chain[-1][0].partition("?")[0], shown.content.decode()

    assert "nothing left to undo" in pressed()[1]
    for verdict in ("different", "unsure", "same"):
        client.post(answer, {"verdict": verdict})
    many = {"review": [question.id], "verdict": "different"}
    client.post(reverse("admin:console_review_answers"), many)
    for verdict, words, older in (
        ("same", "different people", "3 older"),
        ("unsure", "the same person", "2 older"),
        ("different", "put aside", "1 older"),
        ("open", "different people", "It was the first"),
    ):
        where, text = pressed()
        assert Review.objects.get().state == verdict
        assert where == pair_page(question)
        assert f"The answer “{words}” taken back" in text
        assert older in text
    assert not Constraint.objects.exists()
    assert "nothing left to undo" in pressed()[1]


def test_undo_passes_over_what_was_taken_back_elsewhere_and_many_at_once_lead_to_the_queue(
    world: World, question: Review
) -> None:
    client = signed_in("steward")
    others = [it.record_id for it in see(said("c", ("email", "c@example.com")), said("d", ("email", "d@example.com")))]
    second = Review.objects.create(
        left_id=min(others), right_id=max(others), probability=0.4, bits=0, reason="near_even", at=NOW
    )
    both = {"review": [question.id, second.id], "verdict": "different"}
    client.post(reverse("admin:console_review_answers"), both)
    client.post(reverse("admin:console_review_answer", args=[second.id]), {"verdict": "same"})
    review.undo(Review.objects.get(pk=second.id).batch or second.id, by=STEWARD, at=NOW)
    shown = client.post(reverse("admin:console_review_undo"), follow=True)
    assert shown.redirect_chain[-1][0].startswith(reverse("admin:identity_review_changelist"))
    assert "2 answers “different people” taken back" in shown.content.decode()
    assert {it.state for it in Review.objects.all()} == {"open"}
