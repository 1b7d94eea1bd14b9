"""The worker's loop: a batch whenever something waits, wake-ups when time alone moved a membership."""

import threading
import time
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from cdp import metrics
from cdp.pipeline.batch import PASSING, Result, run_batch
from cdp.pipeline.uptodate import bring_up_to_date
from segments.wake import wake

log = structlog.get_logger(__name__)
IDLE_SECONDS = 0.05
WAKE_SECONDS = 1.0
# While events queue up, memberships follow in larger steps: a person whom ten batches touched is evaluated once, not ten
# times. Twice as long for events as for memberships, but never more than so many seconds behind; and few people in one
# transaction, for it holds their rows, which other workers' events may be about.
EVENTS_TO_MEMBERSHIPS, MOST_SECONDS_BEHIND = 2.0, 5.0
MOST_CHANGES = 250


def run_forever(stop: threading.Event, *, slot: int) -> None:
    """Processes micro-batches until `stop` is set. Every batch is one transaction, so it may be killed at any moment."""
    woken = datetime.min.replace(tzinfo=UTC)
    pause, due = IDLE_SECONDS, 0.0
    while not stop.is_set():
        now = datetime.now(UTC)
        try:
            started = time.monotonic()
            result = run_batch(settings.PIPELINE_BATCH, now=now, slot=slot)
            began, claimed = time.monotonic(), result.claimed
            busy = claimed > 0
            _count(result, began - started)
            if claimed < settings.PIPELINE_BATCH or began >= due:
                busy = _follow(began) or busy
                ended = time.monotonic()
                due = ended + min(EVENTS_TO_MEMBERSHIPS * (ended - began), MOST_SECONDS_BEHIND)
            if (now - woken).total_seconds() >= WAKE_SECONDS:
                busy = wake(now, limit=settings.PIPELINE_BATCH) > 0 or busy
                woken = now
            pause = 0 if busy else IDLE_SECONDS
        except PASSING as error:
            metrics.FAULTS.add(1, "database_away")
            log.warning("pipeline.database_away", error=type(error).__name__)
            connections.close_all()
            pause = min(max(pause, IDLE_SECONDS) * 2, 2.0)
        except Exception as error:  # the loop must outlive any one fault; the batch rolled back whole
            metrics.FAULTS.add(1, "fault")
            log.error("pipeline.fault", error=type(error).__name__)
            close_old_connections()
            pause = 1.0
        stop.wait(pause)


def _count(result: Result, seconds: float) -> None:
    """How long the batch took, and how long its events had waited until they were stored."""
    if result.claimed:
        now = datetime.now(UTC)
        metrics.BATCH.observe(seconds)
        for at, n in result.received.items():
            metrics.DELAY.observe((now - at).total_seconds(), "stored", times=n)


def _follow(began: float) -> bool:
    """Brings memberships up to date until nothing waits or the time is up; whether anything did."""
    taken = more = bring_up_to_date(MOST_CHANGES, now=datetime.now(UTC))
    while more >= MOST_CHANGES and time.monotonic() - began < MOST_SECONDS_BEHIND / EVENTS_TO_MEMBERSHIPS:
        more = bring_up_to_date(MOST_CHANGES, now=datetime.now(UTC))
    return taken > 0
