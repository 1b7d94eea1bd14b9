"""Listens to the sources: keeps the rhythm of each, and tells which are too quiet or broken. The rules are in `rhythm.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from cdp.sources.models import Heard, HeardHour, Source
from cdp.sources.rhythm import KEPT, Breakage, Hour, Silence, breakage, silence

# When nobody listened for longer than this, the platform was down: what happened meanwhile says nothing of the source.
DEAF = timedelta(minutes=2)

_ADD = """
INSERT INTO sources_heardhour (source_id, at, heard, rejected, gap) VALUES (%s, date_trunc('hour', %s, 'UTC'), %s, %s, %s)
ON CONFLICT (source_id, at) DO UPDATE SET heard = sources_heardhour.heard + excluded.heard,
  rejected = sources_heardhour.rejected + excluded.rejected, gap = greatest(sources_heardhour.gap, excluded.gap)
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many events of a source were ever accepted, and how many of those rejected."""

    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class State:
    """A source that is not as it should be."""

    source: Source
    quiet: Silence | None
    broken: Breakage | None


@transaction.atomic
def listen(totals: Mapping[UUID, Totals], *, at: datetime) -> None:
    """Notes what came since the last call. To be called by one process at a time, a few times a minute."""
    before = {heard.source_id: heard for heard in Heard.objects.select_for_update()}
    for source_id in Source.objects.values_list("id", flat=True):
        now = totals.get(source_id, Totals(0, 0))
        was = before.get(source_id)
        if was is None:
            last = at if now.accepted else None
            Heard.objects.create(
                source_id=source_id, accepted=now.accepted, rejected=now.rejected, last_at=last, looked_at=at
            )
            continue
        _note(was, now, at)
    HeardHour.objects.filter(at__lt=at - KEPT).delete()


def _note(was: Heard, now: Totals, at: datetime) -> None:
    heard, rejected = max(0, now.accepted - was.accepted), max(0, now.rejected - was.rejected)
    deaf = at - was.looked_at > DEAF
    if heard or rejected:
        gap = 0.0 if deaf or was.last_at is None else (at - was.last_at).total_seconds()
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [was.source_id, at, heard, rejected, gap])
    if heard or (deaf and was.last_at is not None):
        was.last_at = at
    was.accepted, was.rejected, was.looked_at = now.accepted, now.rejected, at
    was.save(update_fields=["accepted", "rejected", "last_at", "looked_at"])


def unwell(*, at: datetime, zone: ZoneInfo) -> list[State]:
    """The enabled, unmuted sources that are too quiet or broken. Imports come when they come: only HTTP sources have a
    rhythm, others are too quiet only after a time that somebody set."""
    found = []
    for heard in Heard.objects.filter(source__enabled=True, source__muted=False).select_related("source"):
        source = heard.source
        hours = [Hour(*row) for row in _hours(source.id)]
        set_to = None if source.quiet_after is None else timedelta(minutes=source.quiet_after)
        learned = source.kind == Source.Kind.HTTP
        quiet = None
        if heard.last_at and (learned or set_to is not None):
            quiet = silence(hours, heard.last_at, at, zone=zone, set_to=set_to)
        broken = breakage(hours, at)
        if quiet or broken:
            found.append(State(source, quiet, broken))
    return found


def _hours(source_id: UUID) -> list[tuple[datetime, int, int, float]]:
    rows = HeardHour.objects.filter(source_id=source_id).order_by("at")
    return list(rows.values_list("at", "heard", "rejected", "gap"))
