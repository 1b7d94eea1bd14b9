"""Reading: right before the wake-up ran, withheld without permission, history, and why."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from consent.models import Purpose
from segments import reads
from segments.define import check
from segments.live import refresh
from segments.models import Segment
from segments.preview import preview
from segments.rules import InvalidRule
from segments.wake import wake
from tests.segments.world import NOW, happened, many, person, segment

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def ids(found: list[reads.Member]) -> set[UUID]:
    return {it.profile_id for it in found}


def grant(profile_id: UUID, purpose: str) -> None:
    """Somebody's consent, through the ledger."""
    from consent.parties import regroup
    from consent.record import Statement, record

    digest = uuid4()
    regroup({profile_id: [digest]}, at=NOW - 9 * DAY)
    statement = Statement(
        subjects=(digest,), purpose=purpose, status="granted", effective_from=NOW - 9 * DAY, cause=uuid4()
    )
    record([statement], actor="test", at=NOW - 9 * DAY)


def test_reads_are_right_before_the_wake_up_ran() -> None:
    recent = segment("recent", {"event": "Order Completed", "within": {"days": 30}})
    lapsed = segment("lapsed", {"event": "Order Completed", "last": {"older_than_days": 30}})
    alice, bob = many(2)
    happened(alice, "Order Completed", 10)
    happened(bob, "Order Completed", 29)
    refresh([alice, bob], at=NOW)
    later = NOW + 5 * DAY
    assert ids(reads.members(recent, NOW)) == {alice, bob}
    assert ids(reads.members(recent, later)) == {alice}
    assert ids(reads.members(lapsed, later)) == {bob}
    assert (reads.size(lapsed, NOW), reads.size(lapsed, later)) == (reads.Size(0, 0), reads.Size(1, 0))
    assert reads.is_member(recent, bob, NOW)
    assert not reads.is_member(recent, bob, later)
    assert [it.segment.key for it in reads.memberships(bob, later)] == ["lapsed"]


def test_without_permission_people_are_counted_and_not_listed() -> None:
    Purpose.objects.create(key="newsletter", name="Newsletter", basis="consent")
    dutch = segment("dutch", {"trait": "country", "is": "NL"}, purpose="newsletter")
    alice, bob = person({"country": "NL"}), person({"country": "NL"})
    grant(alice, "newsletter")
    refresh([alice, bob], at=NOW)
    assert ids(reads.members(dutch, NOW)) == {alice}
    assert reads.size(dutch, NOW) == reads.Size(1, 1)
    assert [it.permitted for it in reads.memberships(bob, NOW)] == [False]


def test_consent_is_a_condition_too() -> None:
    Purpose.objects.create(key="newsletter", name="Newsletter", basis="consent")
    readers = segment("readers", {"consent": "newsletter"})
    strangers = segment("strangers", {"consent": "newsletter", "allowed": False})
    alice, bob = many(2)
    grant(alice, "newsletter")
    refresh([alice, bob], at=NOW)
    assert ids(reads.members(readers, NOW)) == {alice}
    assert ids(reads.members(strangers, NOW)) == {bob}


def test_pages_hold_everyone_once() -> None:
    dutch = segment("dutch", {"trait": "country", "is": "NL"})
    people = many(7, [{"country": "NL"}])
    refresh(people, at=NOW)
    found: list[UUID] = []
    while page := reads.members(dutch, NOW, after=found[-1] if found else None, limit=3):
        found += [it.profile_id for it in page]
    assert found == sorted(people)


def test_who_was_in_it_on_a_day() -> None:
    recent = segment("recent", {"event": "Order Completed", "within": {"days": 30}})
    alice = person()
    happened(alice, "Order Completed", 10)
    refresh([alice], at=NOW)
    wake(NOW + 40 * DAY)
    for days, expected in ((-1, set()), (1, {alice}), (19, {alice}), (21, set())):
        on = NOW + timedelta(days=days)
        assert ids(reads.past_members(recent, on, now=NOW)) == expected
    sizes = reads.sizes_over_time([recent.id], NOW + 30 * DAY, days=32)[recent.id]
    assert sizes == [0] + [1] * 20 + [0] * 11


def test_why_shows_values_thresholds_and_evidence() -> None:
    rule = {
        "all": [
            {"trait": "country", "is": "NL"},
            {"event": "Order Completed", "sum": {"of": "revenue", "gte": 100}, "within": {"days": 30}},
        ]
    }
    good = segment("good", rule)
    alice = person({"country": "NL"})
    orders = happened(alice, "Order Completed", 3, 2, revenue=60.5)
    happened(alice, "Order Completed", 40, revenue=500)
    found = reads.why(good, alice, NOW)
    assert found is not None
    assert found.true
    country, spent = found.parts
    assert (country.value, country.condition) == ("NL", "country is “NL”")
    assert (spent.value, list(spent.evidence)) == (121.0, orders)
    assert spent.condition == "total revenue of Order Completed in the last 30 days is at least 100"
    assert spent.flips_at == (NOW + 27 * DAY).isoformat()
    assert reads.why(good, uuid4(), NOW) is None


def test_preview_counts_parts_and_withheld() -> None:
    Purpose.objects.create(key="newsletter", name="Newsletter", basis="consent")
    alice, bob, carol = person({"country": "NL"}), person({"country": "NL"}), person()
    happened(alice, "Order Completed", 1)
    happened(carol, "Order Completed", 1)
    grant(alice, "newsletter")
    rule = {"any": [{"trait": "country", "is": "NL"}, {"event": "Order Completed"}]}
    found = preview(rule, NOW, purpose="newsletter")
    assert (found.size.count, found.listed.count, found.withheld.count) == (3, 1, 2)
    assert [part.size.count for part in found.parts] == [2, 2]
    assert found.sample == (alice,)
    assert bob not in found.sample


def test_preview_samples_a_large_base(monkeypatch: pytest.MonkeyPatch) -> None:
    from segments import preview as module

    monkeypatch.setattr(module, "EXACT_UP_TO", 100)
    monkeypatch.setattr(module, "_SAMPLE", 1000)
    many(2000, [{"country": "NL"}, {}])  # enough pages that a sample of half of them is neither all nor none
    found = preview({"trait": "country", "is": "NL"}, NOW)
    assert found.population == 2000
    assert found.size.error > 0
    assert abs(found.size.count - 1000) <= 3 * found.size.error


def test_identifying_and_undeclared_traits_are_refused() -> None:
    with pytest.raises(InvalidRule, match="declare a coarse fact"):
        check({"trait": "email", "is": "x"})
    with pytest.raises(InvalidRule, match="declare it as a fact"):
        check({"trait": "shoe_size_of_nobody", "exists": True})


def test_the_holder_exports_and_erases() -> None:
    from segments.holder import Memberships

    segment("dutch", {"trait": "country", "is": "NL"})
    alice, bob = person({"country": "NL"}), person({"country": "NL"})
    refresh([alice, bob], at=NOW)
    holder = Memberships()
    assert holder.find([alice]) == 2
    assert [row["segment"] for row in holder.export([alice])] == ["dutch"]
    assert holder.erase([alice]) == 2
    assert (holder.find([alice]), holder.find([bob])) == (0, 2)
    assert Segment.objects.count() == 1
    assert connection.is_usable()
