"""When a source is too quiet or broken: the rules, on weeks of invented hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cdp.sources.rhythm import Hour, breakage, silence

ZONE = ZoneInfo("Europe/Amsterdam")
# A Wednesday, 10:00 in Amsterdam in winter.
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


def shop(*, days: int = 28, until: datetime = NOW) -> list[Hour]:
    """Open on weekdays from 9 to 18 o'clock, 600 events an hour, never silent for more than two minutes."""
    found = []
    for back in range(1, days * 24 + 1):
        at = until - timedelta(hours=back)
        local = at.astimezone(ZONE)
        if local.weekday() < 5 and 9 <= local.hour < 18:
            closed = (63 if local.weekday() == 0 else 15) * 3600.0
            found.append(Hour(at, 600, gap=closed if local.hour == 9 else 120.0))
    return found


def quiet(hours: list[Hour], last: datetime, at: datetime, minutes: int | None = None) -> str:
    set_to = None if minutes is None else timedelta(minutes=minutes)
    found = silence(hours, last, at, zone=ZONE, set_to=set_to)
    return found.because if found else ""


def test_a_shop_that_falls_silent_while_it_is_open() -> None:
    assert quiet(shop(), NOW, NOW + timedelta(minutes=9)) == ""
    found = silence(shop(), NOW, NOW + timedelta(minutes=11), zone=ZONE)
    assert found is not None
    assert (found.because, found.overdue) == ("overdue", 110)


def test_nights_and_weekends_are_no_silence() -> None:
    closing = datetime(2026, 2, 6, 16, 59, tzinfo=UTC)  # Friday, a minute before six
    hours = shop(until=datetime(2026, 2, 6, 17, 0, tzinfo=UTC))
    for later in range(1, 62):  # until Monday, seven in the morning
        assert quiet(hours, closing, closing + timedelta(hours=later)) == ""


def test_an_opening_that_does_not_come_is_noticed_an_hour_after_it() -> None:
    closing = datetime(2026, 2, 3, 16, 59, tzinfo=UTC)
    hours = shop(until=datetime(2026, 2, 3, 17, 0, tzinfo=UTC))
    opening = datetime(2026, 2, 4, 8, 0, tzinfo=UTC)  # nine o'clock
    assert quiet(hours, closing, opening + timedelta(minutes=55)) == ""
    assert quiet(hours, closing, opening + timedelta(minutes=61)) == "overdue"


def test_summer_time_moves_no_opening() -> None:
    """The clocks went forward on 29 March 2026: nine o'clock is seven UTC now, and was eight."""
    hours = shop(until=datetime(2026, 3, 27, 17, 0, tzinfo=UTC))
    closing = datetime(2026, 3, 27, 16, 59, tzinfo=UTC)
    assert quiet(hours, closing, datetime(2026, 3, 30, 7, 30, tzinfo=UTC)) == ""
    assert quiet(hours, closing, datetime(2026, 3, 30, 8, 1, tzinfo=UTC)) == "overdue"


def test_batches_every_half_hour_are_left_their_time() -> None:
    hours = [Hour(NOW - timedelta(hours=n), 2000, gap=1800.0) for n in range(1, 400)]
    assert quiet(hours, NOW, NOW + timedelta(minutes=60)) == ""
    assert quiet(hours, NOW, NOW + timedelta(minutes=91)) == "overdue"


def test_a_nightly_import_is_missed_when_its_hour_is_over() -> None:
    hours = [Hour(NOW.replace(hour=2) - timedelta(days=n), 10_000, gap=86_400.0) for n in range(1, 20)]
    last = hours[0].at + timedelta(minutes=10)
    assert quiet(hours, last, NOW.replace(hour=2, minute=30)) == ""
    assert quiet(hours, last, NOW.replace(hour=3, minute=1)) == "overdue"


def test_a_trickle_has_no_rhythm_but_a_longest_silence() -> None:
    hours = [Hour(NOW - timedelta(hours=10 * n), 1, gap=36_000.0) for n in range(1, 60)]
    last = NOW - timedelta(hours=10)
    assert quiet(hours, last, last + timedelta(hours=29)) == ""
    assert quiet(hours, last, last + timedelta(hours=31)) == "longest"


def test_a_first_day_tells_nothing() -> None:
    hours = [Hour(NOW - timedelta(hours=n), 600, gap=60.0) for n in range(1, 5)]
    assert quiet(hours, NOW, NOW + timedelta(hours=2)) == ""
    assert quiet([], NOW, NOW + timedelta(days=30)) == ""


def test_a_time_that_somebody_set_decides_alone() -> None:
    assert quiet(shop(), NOW, NOW + timedelta(minutes=29), minutes=30) == ""
    assert quiet([], NOW, NOW + timedelta(minutes=31), minutes=30) == "set"


def with_rejections(now: int, usual: int = 0, heard: int = 1000) -> list[Hour]:
    week = [Hour(NOW - timedelta(hours=n), heard, usual) for n in range(2, 169)]
    return [*week, Hour(NOW - timedelta(hours=1), heard), Hour(NOW, heard, now)]


@pytest.mark.parametrize(
    ("now", "usual", "broken"),
    [(19, 0, False), (99, 0, False), (100, 0, True), (399, 40, False), (400, 40, True), (900, 900, False), (1950, 900, True)],
)  # fmt: skip
def test_a_share_of_rejections_that_jumps(now: int, usual: int, broken: bool) -> None:
    assert (breakage(with_rejections(now, usual), NOW + timedelta(minutes=30)) is not None) is broken


def test_a_handful_of_rejections_is_no_breakage() -> None:
    assert breakage([Hour(NOW, 19, 19)], NOW) is None
    assert breakage([Hour(NOW, 20, 20)], NOW) is not None
