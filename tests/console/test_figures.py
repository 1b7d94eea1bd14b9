"""The live figures: what they count, and that they stay quick by estimating when tables are large."""

from collections.abc import Callable

import pytest

from cdp.alerts.update import Finding, update
from cdp.audit import SYSTEM
from cdp.console import figures, flow
from segments.define import define
from segments.rebuild import build
from tests.console.conftest import NOW, World

pytestmark = pytest.mark.django_db


def test_figures_add_up(world: World, say: Callable[..., None]) -> None:
    say("news", "granted")
    for key, purpose in (("dutch", "operate"), ("all-news", "news")):
        rule = {"trait": "country", "in": ["NL", "DE"] if purpose == "news" else ["NL"]}
        build(define(key, rule, by=SYSTEM, at=NOW, key=key, purpose=purpose).id, at=NOW)
    found = figures.figures(NOW)
    assert (found.profiles.n, found.records.n, found.profiles.about) == (2, 3, False)
    assert found.outcomes["accepted"] == sum(n for name, n in found.outcomes.items() if name != "accepted")
    assert sum(n for _, n in found.days) == sum(n for _, n in found.hours) == 6
    assert (len(found.days), len(found.hours)) == (30, 24)
    assert {it.key: (it.size.n, it.withheld.n) for it in found.segments} == {"dutch": (1, 0), "all-news": (1, 1)}
    news = next(it for it in found.agreements if it.purpose == "news")
    assert (news.allowed, news.refused, news.lapsed) == (1, 0, 0)


def test_figures_are_worked_out_once_for_many_who_look(
    world: World, django_assert_num_queries: Callable[..., object]
) -> None:
    figures.figures(NOW)
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        figures.figures(NOW)


def test_large_tables_are_estimated_and_say_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_SMALL", 1)
    monkeypatch.setattr(figures, "_estimate", lambda table: 1_000_000)
    assert figures.counted("identity_profile") == figures.Count(1_000_000, about=True)
    clause, factor = figures._sample("events_event")
    assert clause.startswith("TABLESAMPLE SYSTEM (2.0")
    assert factor == pytest.approx(50)
    assert figures.over_time(NOW)[2] is True


def test_a_source_is_quiet_when_an_alert_says_so(world: World) -> None:
    streams = {it.source.name: it for it in flow.streams([world.shop, world.till])}
    assert streams["shop"].last is not None
    assert not streams["shop"].quiet
    assert streams["shop"].balanced
    assert (streams["till"].last, streams["till"].quiet) == (None, False)
    update([Finding("source_quiet", "No event.", str(world.shop.id))], looked_for=[], at=NOW)
    assert flow.streams([world.shop])[0].quiet
