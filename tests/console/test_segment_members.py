"""The page of a segment's members: masked names for who may read people, nobody for who sees counts."""

from html import unescape

import pytest

from cdp.audit import SYSTEM
from segments.define import define
from segments.models import Segment
from segments.rebuild import build
from tests.console.conftest import NOW, World, entries, secrets_of, signed_in
from tests.people import ALICE

pytestmark = pytest.mark.django_db


@pytest.fixture
def dutch(world: World) -> Segment:
    made = define("Dutch <people>", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    build(made.id, at=NOW)
    return made


def opened(role: str, segment: Segment, more: str = "") -> str:
    answer = signed_in(role).get(f"/admin/segments/segment/{segment.pk}/members/{more}")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_members_are_called_by_their_masked_names(world: World, dutch: Segment) -> None:
    page = opened("marketer", dutch)
    assert "Members of Dutch <people>" in page
    assert "1 person permits operate" in page
    assert "0 more are withheld" in page
    assert f"/admin/identity/profile/{world.alice}/change/" in page
    assert "A•••" in page
    assert not [secret for secret in secrets_of(ALICE) if secret in page]
    (entry,) = entries("segment.members")
    assert (entry["rows"], entry["fields"], entry["purpose"]) == (1, ["members", "name"], "operate")


def test_an_analyst_sees_counts_and_a_wrong_page_begins_anew(world: World, dutch: Segment) -> None:
    page = opened("analyst", dutch)
    assert "Your role sees counts, not people" in page
    assert str(world.alice) not in page
    assert not entries("segment.members")
    assert str(world.alice) in opened("marketer", dutch, "?after=nonsense")
