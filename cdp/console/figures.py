"""The live figures: quick whatever the size. Counts come from tallies, small tables and samples, never from a full scan.

A figure that is estimated from a sample says so (`about`). All of it is worked out at most once in `_SECONDS` by a process,
however many people look.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from cdp.events.reads import OUTCOMES
from consent.models import Purpose
from consent.permits import permitted_sql
from consent.rules import BLOCKS, Bit
from segments.models import Segment

_SECONDS, _MIDDLE_SECONDS, _SLOW_SECONDS = 2.0, 5.0, 15.0
_SMALL = 20_000  # rows that may be counted one by one
_SAMPLE = 20_000  # rows that a sample of a larger table is to have
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Count:
    """A number, and whether it is an estimate."""

    n: int
    about: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """How many people are in a segment: those who may be listed for its purpose, and those withheld for want of permission."""

    key: str
    name: str
    id: UUID
    size: Count
    withheld: Count


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many people's ledgers say yes or no to a purpose. `lapsed`: a yes that ended by time."""

    purpose: str
    basis: str
    allowed: int
    refused: int
    lapsed: int
    about: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue: how many wait, and for how many seconds the first of them has."""

    n: Count
    seconds: float


@dataclass(slots=True)
class Figures:
    """What the home page shows. `outcomes` by name, with accepted and pending."""

    at: datetime
    profiles: Count
    records: Count
    outcomes: dict[str, int]
    inbox: Waiting
    audit: Waiting
    rejections: Count
    undeclared: int
    segments: list[Size]
    agreements: list[Agreement]
    days: list[tuple[datetime, int]] = field(default_factory=list)
    hours: list[tuple[datetime, int]] = field(default_factory=list)
    about: bool = False


_lock = threading.RLock()
_known: dict[str, tuple[float, Any]] = {}


def remembered(name: str, seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`, not older than `seconds`. One caller works, the others wait for it."""
    known = _known.get(name)
    if known and known[0] > time.monotonic():
        return known[1]  # type: ignore[no-any-return]
    with _lock:
        known = _known.get(name)
        if known and known[0] > time.monotonic():
            return known[1]  # type: ignore[no-any-return]
        result = work()
        _known[name] = (time.monotonic() + seconds, result)
        return result


def forget() -> None:
    """Drops what this process remembers."""
    _known.clear()


def figures(now: datetime) -> Figures:
    """The figures of this moment, or of two seconds ago; the charts over time are of fifteen seconds ago at most."""
    days, hours, about = remembered("over_time", _SLOW_SECONDS, lambda: over_time(now))
    found = remembered("figures", _SECONDS, lambda: _figures(now))
    found.days, found.hours, found.about = days, hours, about
    return found


def _figures(now: datetime) -> Figures:
    outcomes = {"accepted": 0, **dict.fromkeys(OUTCOMES, 0)}
    for outcome, n in _rows("SELECT outcome, sum(n)::bigint FROM events_tally GROUP BY outcome"):
        outcomes[outcome] = n
    inbox = waiting("events_inbox", "received_at", now)
    outcomes["pending"] = inbox.n.n
    return Figures(
        at=now,
        profiles=counted("identity_profile"),
        records=counted("identity_record"),
        outcomes=outcomes,
        inbox=inbox,
        audit=waiting("audit_pending", "at", now),
        rejections=counted("events_rejection", "replayed_at IS NULL AND expires_at > %s", [now]),
        undeclared=counted("catalogue_field", "data_class = 'undeclared'").n,
        segments=remembered("sizes", _MIDDLE_SECONDS, lambda: sizes(now)),
        agreements=agreements(now),
    )


def _rows(query: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return list(cursor.fetchall())


def _estimate(table: str) -> int:
    """The planner's idea of a table's (or partitioned table's) rows; 0 when it has none."""
    query = """SELECT greatest(coalesce(sum(c.reltuples), 0), 0)::bigint FROM pg_class c
        WHERE c.relkind = 'r' AND (c.oid = to_regclass(%s)
           OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%s)))"""
    return int(_rows(query, [table, table])[0][0])


def counted(table: str, condition: str = "true", params: list[Any] | None = None) -> Count:
    """How many rows: exact up to 20,000, beyond that the planner's estimate (for a condition: "at least")."""
    rows = _rows(f"SELECT count(*) FROM (SELECT FROM {table} WHERE {condition} LIMIT {_SMALL + 1}) AS t", params)
    n = int(rows[0][0])
    if n <= _SMALL:
        return Count(n)
    return Count(max(n, _estimate(table)) if condition == "true" else _SMALL, about=True)


def waiting(table: str, column: str, now: datetime) -> Waiting:
    """The state of a queue that is worked off in order of `id`."""
    first = _rows(f"SELECT {column} FROM {table} ORDER BY id LIMIT 1")
    return Waiting(counted(table), max(0.0, (now - first[0][0]).total_seconds()) if first else 0.0)


def _sample(table: str) -> tuple[str, float]:
    """How to read a table for an estimate: a TABLESAMPLE clause, and by what to multiply (1: it is read in full)."""
    rows = _estimate(table)
    if rows <= _SAMPLE * 2:
        return "", 1.0
    percent = max(100.0 * _SAMPLE / rows, 0.01)
    return f"TABLESAMPLE SYSTEM ({percent:.4f})", 100.0 / percent


def sizes(now: datetime) -> list[Size]:
    """The enabled segments with their sizes, the largest first. One query for each purpose that they have."""
    clause, factor = _sample("segments_membership")
    segments = list(Segment.objects.filter(enabled=True).values_list("id", "key", "name", "purpose"))
    found: dict[UUID, tuple[int, int]] = {}
    for purpose in {row[3] for row in segments}:
        permitted, params = permitted_sql(purpose, now, column="m.profile_id")
        query = f"""SELECT m.segment_id, count(*) FILTER (WHERE {permitted}), count(*)
            FROM segments_membership m {clause} WHERE m.member AND m.segment_id = ANY(%s) GROUP BY 1"""
        for id, listed, every in _rows(query, [*params, [row[0] for row in segments if row[3] == purpose]]):
            found[id] = (round(listed * factor), round((every - listed) * factor))
    about = factor != 1.0
    result = [Size(key, name, id, *(Count(n, about) for n in found.get(id, (0, 0)))) for id, key, name, _ in segments]
    return sorted(result, key=lambda size: (-size.size.n, size.name))


def agreements(now: datetime) -> list[Agreement]:
    """For each purpose, how many people's ledgers say yes, no, or said yes until it expired."""
    clause, factor = _sample("consent_state")
    query = f"""SELECT purpose, verdicts[width_bucket(%s::timestamptz, moments)] AS bits, count(*)
        FROM consent_state {clause} WHERE purpose <> '*' GROUP BY 1, 2"""
    tally: dict[str, list[int]] = {}
    bases = dict(Purpose.objects.order_by("key").values_list("key", "basis"))
    for purpose, bits, n in _rows(query, [now]):
        if purpose not in bases:
            continue
        counts = tally.setdefault(purpose, [0, 0, 0])
        bit = Bit(bits or 0)
        if bit & BLOCKS[bases[purpose]]:
            counts[1] += n
        elif bit & Bit.GRANTED:
            counts[0] += n
        elif bit & Bit.EXPIRED:
            counts[2] += n
    found = []
    for key, basis in bases.items():
        allowed, refused, lapsed = (round(n * factor) for n in tally.get(key, [0, 0, 0]))
        found.append(Agreement(key, basis, allowed, refused, lapsed, about=factor != 1.0))
    return found


def over_time(now: datetime) -> tuple[list[tuple[datetime, int]], list[tuple[datetime, int]], bool]:
    """Stored events by the day (the last 30) and by the hour (the last 24) in which they happened, in the
    installation's time zone."""
    zone = ZoneInfo(settings.TIME_ZONE)
    hour = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    first = day - timedelta(days=29)
    clause, factor = _sample_of_month(first, now)
    query = f"""SELECT date_trunc('hour', occurred_at, %s), count(*) FROM events_event {clause}
        WHERE occurred_at >= %s AND occurred_at <= %s GROUP BY 1"""
    found = _rows(query, [zone.key, first, now])
    by_hour = {at.astimezone(zone): round(n * factor) for at, n in found}
    days = dict.fromkeys((first + timedelta(days=i) for i in range(30)), 0)
    for at, n in by_hour.items():
        days[at.replace(hour=0)] += n
    # Hours are counted back in UTC: on the day on which the clocks change, local arithmetic would skip or repeat one.
    last = [(hour.astimezone(UTC) - timedelta(hours=i)).astimezone(zone) for i in range(23, -1, -1)]
    hours = [(at, by_hour.get(at, 0)) for at in last]
    return list(days.items()), hours, factor != 1.0


def _sample_of_month(first: datetime, now: datetime) -> tuple[str, float]:
    """As `_sample`, for the partitions of the months between two times."""
    months = {f"events_event_{at.astimezone(UTC):%Y_%m}" for at in (first, now)}
    rows = sum(_estimate(f"public.{month}") for month in months)
    if rows <= _SAMPLE * 2:
        return "", 1.0
    percent = max(100.0 * _SAMPLE / rows, 0.01)
    return f"TABLESAMPLE SYSTEM ({percent:.4f})", 100.0 / percent
