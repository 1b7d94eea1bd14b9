"""The jobs on models: training, comparing, switching. What is to be done stands in `MatchModel.job`; one at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError

from cdp import audit
from identity.models import MatchModel

log = structlog.get_logger(__name__)
LOCK = 7_061
# Every process knows which model is in force a second after that was committed. Who scores does so under the identity lock:
# once this long has passed, nobody can store by the old model what a step here has stored by the new one.
SETTLED = 3.0
Say = Callable[[str, float], None]
Clock = Callable[[], datetime]


class Busy(Exception):
    """Another job on a model is under way."""


def refuse_if_busy() -> None:
    """In the caller's transaction, whose end whoever else begins a job waits for. Raises Busy."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE identity_matchmodel IN SHARE ROW EXCLUSIVE MODE")
    other = MatchModel.objects.exclude(job="").first()
    if other is not None:
        raise Busy(f"{other}: the job {other.job!r} is under way; wait until it has ended.")


def wake() -> None:
    """Wakes the worker of jobs. Without a broker the calendar does so within a minute."""
    from identity.tasks import go_on_matching

    try:
        go_on_matching.delay()
    except OperationalError:
        log.warning("broker unreachable", task="go_on_matching")


def go_on(*, clock: Clock, say: Say = lambda what, done: None) -> bool:
    """Does what is to be done, from where it was stopped; False if another process is at it. Raises what a job raises."""
    with _alone() as first:
        if not first:
            return False
        for row in MatchModel.objects.exclude(job="").order_by("version"):
            _do(row, clock=clock, say=say)
    return True


def _do(row: MatchModel, *, clock: Clock, say: Say) -> None:
    from identity.linking import activation, training
    from identity.linking.comparison import run as compare

    if row.job == "train":
        training.run(row, at=clock(), say=say)
    elif row.job == "compare":
        compare(row, at=clock(), say=say)
    else:
        if row.position is None:
            time.sleep(SETTLED)
        while activation.step(row.id, at=clock()):
            row.refresh_from_db(fields=["looked_at", "total"])
            say("scoring records", row.looked_at / max(row.total or 1, 1))


def retrain_if_due(*, at: datetime) -> MatchModel | None:
    """Begins a new version where the one in force was learnt RETRAIN_MATCHING_DAYS ago and none was trained since. A person
    compares it and puts it in force."""
    days = settings.RETRAIN_MATCHING_DAYS
    live = MatchModel.objects.filter(state=MatchModel.State.ACTIVE).first()
    newest = MatchModel.objects.order_by("-version").first()
    if not days or live is None or newest is None or newest.job:
        return None
    if (newest.trained_at or at) > at - timedelta(days=days):
        return None
    from identity.linking import training

    return training.begin(by=audit.SYSTEM, threshold=live.threshold, review_from=live.review_from)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this process does the jobs now: under a lock of its session, which goes with the process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        first = bool(cursor.fetchone()[0])
    try:
        yield first
    finally:
        if first:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
