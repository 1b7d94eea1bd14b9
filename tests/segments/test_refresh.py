"""Live memberships: entering, leaving, the passing of time, and only what a change can move."""

from datetime import timedelta

import pytest

from cdp import outbox
from cdp.outbox.models import Message
from segments.live import Live, refresh
from segments.models import Membership, Stay
from segments.wake import wake
from tests.segments.world import NOW, happened, members, person, segment, tell

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_event_lets_in_and_time_lets_out() -> None:
    recent = segment("recent", {"event": "Order Completed", "within": {"days": 30}})
    alice, bob = person(), person()
    happened(alice, "Order Completed", 10)
    assert refresh([alice, bob], at=NOW) == 1
    assert members("recent") == {alice}
    row = Membership.objects.get(segment_id=recent.id, profile_id=alice)
    assert row.flips_at == NOW + 20 * DAY
    assert wake(NOW + 19 * DAY) == 0
    assert wake(NOW + 25 * DAY) == 1
    assert members("recent") == set()
    stay = Stay.objects.get(profile_id=alice)
    assert (stay.entered_at, stay.left_at) == (NOW, NOW + 20 * DAY)
    assert list(Message.objects.order_by("id").values_list("topic", flat=True)) == ["segment.entered", "segment.left"]


def test_time_alone_lets_in() -> None:
    segment(
        "lapsed",
        {"all": [{"event": "Order Completed"}, {"not": {"event": "Order Completed", "within": {"days": 60}}}]},
    )
    alice = person()
    happened(alice, "Order Completed", 59)
    refresh([alice], at=NOW)
    assert members("lapsed") == set()
    wake(NOW + 2 * DAY)
    assert members("lapsed") == {alice}
    assert Stay.objects.get(profile_id=alice).entered_at == NOW + DAY


def test_only_what_listens_is_evaluated() -> None:
    segment("dutch", {"trait": "country", "is": "NL"})
    segment("buyers", {"event": "Order Completed"})
    alice = person({"country": "NL"})
    live = Live()
    tell(alice, "Order Completed", 1)
    live.follow(outbox.drain(10), at=NOW)
    assert (members("dutch"), members("buyers")) == (set(), {alice})
    outbox.changed([alice], reason="identity")
    live.follow(outbox.drain(10), at=NOW)
    assert members("dutch") == {alice}


def test_segment_of_segments() -> None:
    segment("dutch-buyers", {"all": [{"segment": "buyers"}, {"segment": "dutch"}]})
    segment("dutch", {"trait": "country", "is": "NL"})
    segment("buyers", {"event": "Order Completed"})
    alice = person({"country": "NL"})
    tell(alice, "Order Completed", 1)
    Live().follow(outbox.drain(10), at=NOW)
    assert members("dutch-buyers") == {alice}


def test_repeating_changes_nothing() -> None:
    segment("dutch", {"trait": "country", "is": "NL"})
    alice = person({"country": "NL"})
    assert [refresh([alice], at=NOW), refresh([alice], at=NOW + DAY)] == [1, 0]
    assert Membership.objects.get(profile_id=alice).entered_at == NOW


def test_a_profile_that_is_no_more_leaves() -> None:
    from identity.models import Profile

    segment("dutch", {"trait": "country", "is": "NL"})
    alice = person({"country": "NL"})
    refresh([alice], at=NOW)
    Profile.objects.filter(id=alice).delete()
    assert refresh([alice], at=NOW + DAY) == 1
    assert members("dutch") == set()
    assert Stay.objects.get(profile_id=alice).left_at == NOW + DAY


def test_future_event_counts_when_its_moment_comes() -> None:
    segment("buyers", {"event": "Order Completed"})
    alice = person()
    happened(alice, "Order Completed", -1)
    refresh([alice], at=NOW)
    assert members("buyers") == set()
    wake(NOW + DAY)
    assert members("buyers") == {alice}
