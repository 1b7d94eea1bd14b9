"""What is looked at, and what is then found: each check answers with the conditions that hold now."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from cdp.access.undelivered import LASTING, Failure
from cdp.alerts.update import Finding
from cdp.operations import queues
from cdp.operations.models import Process
from cdp.sources.listen import State, Totals, unwell
from cdp.sources.rhythm import Silence

BEHIND = 2.0  # seconds that processing may take
AUDIT_BEHIND = 10.0
BACKLOG = 100_000  # events
FREE_SHARE, FREE_BYTES = 0.10, 2 * 1024**3
MISSING = timedelta(seconds=30)
NEEDED = {
    "pipeline": "pipeline worker",
    "memberships": "worker of memberships",
    "jobs": "worker of jobs",
    "beat": "calendar (beat)",
}

Check = Callable[[datetime], list[Finding]]


def totals() -> dict[UUID, Totals]:
    """The counts of every source."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, coalesce(sum(n) FILTER (WHERE outcome = 'accepted'), 0)::bigint,"
            " coalesce(sum(n) FILTER (WHERE outcome = 'rejected'), 0)::bigint FROM events_tally GROUP BY source_id"
        )
        return {source_id: Totals(accepted, rejected) for source_id, accepted, rejected in cursor.fetchall()}


def sources(now: datetime) -> list[Finding]:
    """Sources that are too quiet or broken."""
    zone = ZoneInfo(settings.TIME_ZONE)
    found = []
    for state in unwell(at=now, zone=zone):
        about = {"about": str(state.source.id), "label": state.source.name}
        if state.quiet:
            found.append(Finding("source_quiet", _quiet(state.quiet, now, zone), **about))
        if state.broken:
            found.append(Finding("source_broken", _broken(state), **about))
    return found


def _quiet(silence: Silence, now: datetime, zone: ZoneInfo) -> str:
    since = f"{silence.since.astimezone(zone):%-d %b %H:%M %Z}"
    if silence.because == "overdue":
        return f"No event since {since}; by its usual rhythm {silence.overdue:,} are overdue."
    if silence.because == "longest":
        return f"No event since {since}: more than three times its longest silence in four weeks."
    return f"No event since {since}: longer than the time set for it."


def _broken(state: State) -> str:
    if state.broken is None:
        return ""
    share = state.broken.rejected / state.broken.heard
    return f"{state.broken.rejected:,} of its last {state.broken.heard:,} events ({share:.0%}) were rejected."


def flow(now: datetime) -> list[Finding]:
    """Whether events, changes and audit entries are worked off as they come."""
    found = []
    waiting = queues.waiting(now)
    oldest = max(waiting[queue].seconds for queue in ("inbox", "changes", "happenings"))
    if oldest > BEHIND:
        found.append(Finding("delay", f"The oldest that waits has waited for {oldest:,.0f} seconds."))
    if waiting["inbox"].n > BACKLOG:
        found.append(Finding("backlog", f"{waiting['inbox'].n:,} accepted events wait for the pipeline."))
    if waiting["audit"].seconds > AUDIT_BEHIND:
        found.append(Finding("sequencer", f"Audit entries have waited for {waiting['audit'].seconds:,.0f} seconds."))
    return found


def disk(now: datetime) -> list[Finding]:
    """The disk of DATA_DIR. (Of a database elsewhere, its own operator knows.)"""
    usage = shutil.disk_usage(settings.DATA_DIR)
    if usage.free >= min(FREE_SHARE * usage.total, 10 * FREE_BYTES) and usage.free >= FREE_BYTES:
        return []
    return [Finding("disk", f"{usage.free / 1024**3:.1f} GiB of {usage.total / 1024**3:.0f} GiB are free.", "data_dir")]


def broker(now: datetime) -> list[Finding]:
    """Whether the broker answers."""
    return [] if queues.broker() is not None else [Finding("broker", "The broker did not answer.")]


def mail(now: datetime) -> list[Finding]:
    """Whether the last mail could be sent."""
    return [Finding("mail", it.reason) for it in Failure.objects.filter(failed_at__gt=now - LASTING)]


def processes(now: datetime) -> list[Finding]:
    """Whether there is a worker, a worker of jobs and a calendar."""
    alive = set(Process.objects.filter(seen_at__gt=now - MISSING).values_list("kind", flat=True))
    return [
        Finding("process", f"No {name} has reported for {MISSING.total_seconds():.0f} seconds.", kind, name)
        for kind, name in NEEDED.items()
        if kind not in alive
    ]


ALL: tuple[tuple[tuple[str, ...], Check], ...] = (
    (("source_quiet", "source_broken"), sources),
    (("delay", "backlog", "sequencer"), flow),
    (("disk",), disk),
    (("broker",), broker),
    (("mail",), mail),
    (("process",), processes),
)
