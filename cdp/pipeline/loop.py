"""The worker's loop: a batch whenever something waits, wake-ups when time alone moved a membership."""

import threading
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from cdp.pipeline.batch import PASSING, run_batch
from cdp.pipeline.uptodate import bring_up_to_date
from segments.wake import wake

log = structlog.get_logger(__name__)
IDLE_SECONDS = 0.05
WAKE_SECONDS = 1.0


def run_forever(stop: threading.Event, *, slot: int) -> None:
    """Processes micro-batches until `stop` is set. Every batch is one transaction, so it may be killed at any moment."""
    woken = datetime.min.replace(tzinfo=UTC)
    pause = IDLE_SECONDS
    while not stop.is_set():
        now = datetime.now(UTC)
        try:
            busy = run_batch(settings.PIPELINE_BATCH, now=now, slot=slot).claimed > 0
            busy = bring_up_to_date(settings.PIPELINE_BATCH, now=datetime.now(UTC)) > 0 or busy
            if (now - woken).total_seconds() >= WAKE_SECONDS:
                busy = wake(now, limit=settings.PIPELINE_BATCH) > 0 or busy
                woken = now
            pause = 0 if busy else IDLE_SECONDS
        except PASSING as error:
            log.warning("pipeline.database_away", error=type(error).__name__)
            connections.close_all()
            pause = min(max(pause, IDLE_SECONDS) * 2, 2.0)
        except Exception as error:  # the loop must outlive any one fault; the batch rolled back whole
            log.error("pipeline.fault", error=type(error).__name__)
            close_old_connections()
            pause = 1.0
        stop.wait(pause)
