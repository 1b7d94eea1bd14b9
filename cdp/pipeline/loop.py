"""The worker's loops: batches of events whenever some wait; memberships whenever something changed or time alone moved one."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from cdp import metrics
from cdp.pipeline.batch import PASSING, Result, run_batch
from cdp.pipeline.uptodate import bring_up_to_date
from segments.live import PATIENCE
from segments.wake import wake

log = structlog.get_logger(__name__)
# How long to wait when nothing is there: a fiftieth of the time since something was, so that an idle installation rests.
IDLE_SECONDS, RESTING_SECONDS, RESTS = 0.02, 0.2, 50
WAKE_SECONDS = 1.0
# Changes and events in one step of memberships: a step's fixed cost is some milliseconds, and what it holds others wait for.
STEP = 2000


def process_forever(stop: threading.Event, *, slot: int) -> None:
    """Processes micro-batches until `stop` is set. Every batch is one transaction, so it may be killed at any moment."""

    def step() -> bool:
        started = time.monotonic()
        result = run_batch(settings.PIPELINE_BATCH, now=datetime.now(UTC), slot=slot)
        _count(result, time.monotonic() - started)
        return result.claimed > 0

    _repeat(step, stop)


def follow_forever(stop: threading.Event) -> None:
    """Keeps memberships up to date until `stop` is set. Any number of processes may: one of them follows, the others stand by."""
    woken = 0.0

    def step() -> bool:
        nonlocal woken
        busy = bring_up_to_date(STEP, now=datetime.now(UTC), patience=PATIENCE) > 0
        if time.monotonic() - woken >= WAKE_SECONDS:
            busy = wake(datetime.now(UTC), limit=STEP) > 0 or busy
            woken = time.monotonic()
        return busy

    _repeat(step, stop)


def _repeat(step: Callable[[], bool], stop: threading.Event) -> None:
    """Calls `step` again at once while it says that it had something to do, and after a pause otherwise."""
    pause, busy = IDLE_SECONDS, time.monotonic()
    while not stop.is_set():
        try:
            if step():
                pause, busy = 0.0, time.monotonic()
            else:
                pause = min(max((time.monotonic() - busy) / RESTS, IDLE_SECONDS), RESTING_SECONDS)
        except PASSING as error:
            metrics.FAULTS.add(1, "database_away")
            log.warning("pipeline.database_away", error=type(error).__name__)
            connections.close_all()
            pause = min(max(pause, IDLE_SECONDS) * 2, 2.0)
        except Exception as error:  # the loop must outlive any one fault; the step rolled back whole
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
