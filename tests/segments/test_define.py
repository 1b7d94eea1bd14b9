"""Making, changing and removing segments; builds equal to the live state."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app

from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from segments.define import StaleVersion, change, define, remove
from segments.live import refresh
from segments.models import Membership, Segment, Stay
from segments.rebuild import rebuild
from segments.rules import InvalidRule
from segments.tasks import build_pending
from tests.segments.world import NOW, declare, happened, members, person, segment

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Commit = Callable[..., Any]
DUTCH = {"trait": "country", "is": "NL"}


def test_a_new_segment_is_built_and_audited(django_capture_on_commit_callbacks: Commit) -> None:
    alice, bob = person({"country": "NL"}), person({"country": "DE"})
    with django_capture_on_commit_callbacks(execute=True):
        made = define("Dutch people", DUTCH, by=SYSTEM, at=NOW)
    assert (made.key, made.version) == ("dutch-people", 1)
    assert members("dutch-people") == {alice}
    assert Segment.objects.get().built_at == NOW
    with django_capture_on_commit_callbacks(execute=True):
        change(made.id, by=SYSTEM, at=NOW + DAY, version=1, rule={"trait": "country", "is": "DE"})
    assert members("dutch-people") == {bob}
    assert [row.entry["action"] for row in Pending.objects.order_by("id")] == ["segment.define", "segment.change"]


def test_of_many_people_a_segment_is_built_by_the_calendar_where_no_broker_is(
    django_capture_on_commit_callbacks: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.define.SMALL", 0)
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")  # nobody listens there
    alice = person({"country": "NL"})
    with django_capture_on_commit_callbacks(execute=True):
        made = define("Dutch people", DUTCH, by=SYSTEM, at=NOW)
    assert (made.built_at, members("dutch-people")) == (None, set())
    build_pending()
    assert members("dutch-people") == {alice}


def test_a_change_rebuilds_what_refers_to_it(django_capture_on_commit_callbacks: Commit) -> None:
    alice = person({"country": "NL"})
    with django_capture_on_commit_callbacks(execute=True):
        dutch = define("Dutch", DUTCH, by=SYSTEM, at=NOW)
        define("Abroad", {"segment": "dutch", "member": False}, by=SYSTEM, at=NOW)
    assert members("abroad") == set()
    with django_capture_on_commit_callbacks(execute=True):
        change(dutch.id, by=SYSTEM, at=NOW, rule={"trait": "country", "is": "DE"})
    assert members("abroad") == {alice}


def test_circles_and_referred_segments_are_refused(django_capture_on_commit_callbacks: Commit) -> None:
    dutch = define("Dutch", DUTCH, by=SYSTEM, at=NOW)
    abroad = define("Abroad", {"segment": "dutch", "member": False}, by=SYSTEM, at=NOW)
    with pytest.raises(InvalidRule, match="refers to itself"):
        change(dutch.id, by=SYSTEM, at=NOW, rule={"segment": "abroad"})
    with pytest.raises(InvalidRule, match="refers to itself"):
        change(dutch.id, by=SYSTEM, at=NOW, rule={"segment": "dutch"})
    with pytest.raises(InvalidRule, match="abroad"):
        remove(dutch.id, by=SYSTEM, at=NOW)
    with pytest.raises(InvalidRule, match="abroad"):
        change(dutch.id, by=SYSTEM, at=NOW, enabled=False)
    remove(abroad.id, by=SYSTEM, at=NOW)
    remove(dutch.id, by=SYSTEM, at=NOW)


def test_a_change_of_a_stale_version_is_refused() -> None:
    made = define("Dutch", DUTCH, by=SYSTEM, at=NOW)
    change(made.id, by=SYSTEM, at=NOW, version=1, name="Dutch people")
    with pytest.raises(StaleVersion):
        change(made.id, by=SYSTEM, at=NOW, version=1, name="The Dutch")


def test_a_disabled_segment_has_no_members(django_capture_on_commit_callbacks: Commit) -> None:
    alice = person({"country": "NL"})
    with django_capture_on_commit_callbacks(execute=True):
        made = define("Dutch", DUTCH, by=SYSTEM, at=NOW)
    assert members("dutch") == {alice}
    with django_capture_on_commit_callbacks(execute=True):
        change(made.id, by=SYSTEM, at=NOW + DAY, enabled=False)
    assert members("dutch") == set()
    assert Stay.objects.get().left_at == NOW + DAY


def test_unknown_purpose_is_refused() -> None:
    with pytest.raises(InvalidRule, match="names no purpose"):
        define("Dutch", DUTCH, by=SYSTEM, at=NOW, purpose="nothing")


def test_rebuild_finds_no_difference_after_live_changes() -> None:
    segment("dutch", DUTCH)
    segment("recent", {"event": "Order Completed", "count": {"gte": 2}, "within": {"days": 30}})
    segment("lapsed", {"event": "Order Completed", "last": {"older_than_days": 20}})
    people = [person({"country": "NL"} if n % 2 else {}) for n in range(20)]
    for n, it in enumerate(people):
        happened(it, "Order Completed", *range(1, n))
    refresh(people, at=NOW)
    assert rebuild(check=True, at=NOW) == 0
    assert rebuild(check=True, at=NOW + 15 * DAY) == 0
    assert rebuild(at=NOW + 15 * DAY) == 0


def test_rebuild_mends_and_counts() -> None:
    segment("dutch", DUTCH)
    alice, bob = person({"country": "NL"}), person({"country": "NL"})
    refresh([alice, bob], at=NOW)
    Membership.objects.filter(profile_id=bob).delete()
    Stay.objects.filter(profile_id=bob).delete()
    carol = person()
    Membership.objects.create(segment_id=Segment.objects.get().id, profile_id=carol, member=True, entered_at=NOW)
    assert rebuild(check=True, at=NOW) == 2
    assert rebuild(at=NOW) == 2
    assert members("dutch") == {alice, bob}
    assert rebuild(check=True, at=NOW) == 0


def test_a_field_declared_identifying_later_stops_deciding(django_capture_on_commit_callbacks: Commit) -> None:
    from cdp.catalogue import snapshot
    from cdp.catalogue.models import Field, Version

    declare("trait", "street_name", "text")
    alice = person({"street_name": "Main"})
    segment("main", {"trait": "street_name", "is": "Main"})
    refresh([alice], at=NOW)
    assert members("main") == {alice}
    Field.objects.filter(name="street_name").update(data_class="identifying")
    Version.objects.update(number=99)
    snapshot.forget()
    refresh([alice], at=NOW)
    assert members("main") == set()
