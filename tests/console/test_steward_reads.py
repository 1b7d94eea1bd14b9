"""What stewards are shown of people besides the one they look at, and what of it is written down."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from cdp.vault.keys import commitments
from consent.record import Statement, record
from identity import decide
from identity.models import Merge, Record, Review
from tests.console.conftest import NOW, World, client_with, entries, post, signed_in
from tests.console.test_pages import page_of
from tests.console.test_steward import decided, pair_page, question, record_of
from tests.identity.cases import digests_of_record
from tests.identity.test_decide import STEWARD

__all__ = ["question"]  # a fixture
pytestmark = pytest.mark.django_db
REASON = "Are these two one customer?"


def say(record_id: UUID, purpose: str, status: str) -> None:
    """Whoever the record is of says something about a purpose."""
    said = Statement(digests_of_record(record_id), purpose, status, NOW - timedelta(minutes=1), uuid4())
    record([said], actor="test", at=NOW)


def about(entry: dict[str, Any]) -> set[bytes]:
    """The subjects of an audit entry, as commitments."""
    return {bytes.fromhex(it) for it in entry["subjects"]}


def are(entry: dict[str, Any], records: Collection[UUID]) -> bool:
    """Whether these records are the subjects of an audit entry."""
    return about(entry) == set(commitments(list(records)))


def test_a_preview_names_nobody_who_does_not_permit_it(world: World) -> None:
    alice, bob = record_of(world.alice, world.till), record_of(world.bob, world.shop)
    decide.same_person(world.alice, world.bob, by=STEWARD, at=NOW)
    home = Record.objects.get(id=alice).profile_id
    assert home is not None
    decide.unmerge(home, [bob], by=STEWARD, at=NOW)
    home = Record.objects.get(id=alice).profile_id
    client, act = signed_in("steward"), Merge.objects.get(kind="split")

    def preview(client: Client) -> str:
        page = reverse("admin:console_decide", args=[home])
        return client.post(page, {"verb": "undo", "about": str(act.id)}).content.decode()

    assert "gains" in preview(client)
    assert "withheld" not in preview(client)
    say(bob, "*", "restricted")
    assert "gains" in preview(client)
    assert "withheld" in preview(client)


def test_who_may_not_be_read_beside_a_person_is_written_down(world: World) -> None:
    say(bob := record_of(world.bob, world.shop), "*", "restricted")
    text = decided(signed_in("steward"), world, verb="same", kind="profile", other=str(world.bob))
    assert "may not be read" in text
    [denied] = [it for it in entries("profile.read") if it["outcome"] == "denied"]
    assert (denied["object_id"], denied["rows"], denied["purpose"]) == (str(world.bob), 0, "operate")
    assert are(denied, [bob])


def test_a_pair_that_is_withheld_is_written_down(world: World, question: Review) -> None:
    say(record_of(world.bob, world.shop), "*", "restricted")
    assert "may not be read" in page_of(signed_in("steward"), pair_page(question))[1]
    [denied] = entries("review.read")
    assert (denied["outcome"], denied["object_id"], denied["rows"]) == ("denied", str(question.id), 0)
    assert denied["details"]["because"]
    assert are(denied, [question.left_id, question.right_id])


def test_a_pair_is_read_for_the_purpose_that_each_was_revealed_for(world: World, question: Review) -> None:
    alice, bob = record_of(world.alice, world.till), record_of(world.bob, world.shop)
    say(alice, "news", "granted")
    client = signed_in("steward")
    client.post(reverse("admin:console_reveal", args=[world.alice]), {"purpose": "news", "reason": REASON})
    assert page_of(client, pair_page(question))[0] == 200
    of = {it["purpose"]: it for it in entries("review.read")}
    assert set(of) == {"news", "operate"}
    assert are(of["news"], [alice])
    assert are(of["operate"], [bob])


def test_what_rest_foresees_is_written_down(world: World, question: Review) -> None:
    who, records = client_with("merges:*"), list(Record.objects.values_list("id", flat=True))
    asked = [
        ("merges/", {"profile_id": str(world.alice), "other_id": str(world.bob)}),
        (
            "constraints/",
            {"left_id": str(question.left_id), "right_id": str(question.right_id), "verdict": "must_link"},
        ),
        ("reviews/answer/", {"reviews": [str(question.id)], "verdict": "same"}),
    ]
    for number, (path, body) in enumerate(asked, start=1):
        assert post(who, path, {**body, "dry_run": True})[0] == 200
        noted = entries("identity.foresee")
        assert len(noted) == number, path
        assert are(noted[-1], records), path
    assert Record.objects.values("profile_id").distinct().count() == 2
    assert not entries("identity.same_person")
