"""When is a source too quiet, when broken? Learned from its own last four weeks, hour by hour. Pure.

A source is too quiet when one of these is true (and nobody set a time of their own, which then decides alone):

- *Overdue.* By its usual rhythm at least 30 events should have come since its last one, and it has been silent for ten
  minutes and for three times its usual longest gap at these hours. "Usual" is the median of the same hour of the same
  weekday in up to four weeks; in the first two weeks, of the same hour of up to seven days. An hour that begins a busy
  time after a usually empty one counts only once it is over, since nobody opens on the second.
- *Longest.* It has been silent for a day and for three times its longest silence in four weeks. This is for sources that
  send too little to have a rhythm; it needs three days of history.

A source is broken when, in this hour and the one before, at least 20 of its events were rejected and they are at least 5 %
of all, and five times their usual share of the last seven days (or half-way from that to all of them, if that is less).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
KEPT = 4 * WEEK + DAY
OVERDUE, GAPS, LEAST = 30, 3, timedelta(minutes=10)
ORDINARY_GAP = 2 * HOUR  # a longer one is a night or a weekend: what is overdue tells of those
YOUNG = 3 * DAY
REJECTED, SHARE, TIMES = 20, 0.05, 5


@dataclass(frozen=True, slots=True)
class Hour:
    """What came from a source in an hour. `gap`: the longest silence, in seconds, that ended in it."""

    at: datetime
    heard: int
    rejected: int = 0
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """A source is too quiet. `because`: overdue, longest or set."""

    since: datetime
    because: str
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Breakage:
    """So many of a source's events were rejected, of so many, in this hour and the one before."""

    rejected: int
    heard: int


def silence(
    hours: Sequence[Hour], last: datetime, at: datetime, *, zone: ZoneInfo, set_to: timedelta | None = None
) -> Silence | None:
    """Is the source that was last heard at `last` too quiet? `hours`: its last four weeks, those without events absent."""
    quiet = at - last
    if set_to is not None:
        return Silence(last, "set") if quiet > set_to else None
    if quiet < LEAST or not hours:
        return None
    known = {hour.at: hour for hour in hours}
    first = min(known)
    overdue, gap = 0.0, 0.0
    moment = _floor(max(last, at - 4 * WEEK))
    while moment <= at:
        usual, usual_gap = _usual(known, first, moment, zone)
        over = moment + HOUR <= at
        if usual and (over or _usual(known, first, moment - HOUR, zone)[0]):
            covered = min(at, moment + HOUR) - max(last, moment)
            came = known[moment].heard if moment in known else 0  # a nightly import is done after ten minutes
            overdue += min(usual * (covered / HOUR), max(0, usual - came))
            gap = max(gap, usual_gap)
        moment += HOUR
    if overdue >= OVERDUE and quiet >= GAPS * timedelta(seconds=gap):
        return Silence(last, "overdue", round(overdue))
    longest = timedelta(seconds=max(hour.gap for hour in hours))
    if at - first >= YOUNG and quiet > max(DAY, GAPS * longest):
        return Silence(last, "longest")
    return None


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _usual(known: Mapping[datetime, Hour], first: datetime, moment: datetime, zone: ZoneInfo) -> tuple[int, float]:
    """The usual number of events, and the usual longest ordinary gap, of an hour like this one."""
    alike = [_back(moment, WEEK * n, zone) for n in range(1, 5)]
    alike = [it for it in alike if it >= first]
    if len(alike) < 2:
        alike = [it for it in (_back(moment, DAY * n, zone) for n in range(1, 8)) if it >= first]
    if not alike:
        return 0, 0.0
    found = [known.get(it) for it in alike]
    gaps = [hour.gap for hour in found if hour and hour.gap <= ORDINARY_GAP.total_seconds()]
    return median_low([hour.heard if hour else 0 for hour in found]), median_low(gaps) if gaps else 0.0


def _back(moment: datetime, by: timedelta, zone: ZoneInfo) -> datetime:
    """The same time of the clock, so long ago: a shop opens at nine in summer and in winter."""
    utc = moment.tzinfo
    return (moment.astimezone(zone) - by).astimezone(utc)


def breakage(hours: Sequence[Hour], at: datetime) -> Breakage | None:
    """Does too large a share of what the source sends have to be rejected?"""
    begin = _floor(at) - HOUR
    heard = sum(hour.heard for hour in hours if hour.at >= begin)
    rejected = sum(hour.rejected for hour in hours if hour.at >= begin)
    if rejected < REJECTED or not heard:
        return None
    week = [hour for hour in hours if begin - WEEK <= hour.at < begin]
    usual = sum(hour.rejected for hour in week) / max(1, sum(hour.heard for hour in week))
    limit = max(SHARE, min(TIMES * usual, (1 + usual) / 2))
    return Breakage(rejected, heard) if rejected / heard >= limit else None
