"""Brings memberships up to date with what changed and what happened: drains the queues, whoever filled them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction

from cdp import metrics, outbox
from segments.live import LIVE


def bring_up_to_date(limit: int, *, now: datetime, patience: timedelta = timedelta(0)) -> int:
    """Evaluates the people of up to `limit` waiting changes and as many events, in a transaction of its own; how many of both
    were drained. 0: nothing waits, or somebody else follows, who was heard of within `patience`."""
    if not outbox.waits():
        return 0
    with LIVE.step():
        if not LIVE.turn(patience):
            return 0
        drained = outbox.drain(limit)
        moved = LIVE.follow(drained, at=now)
        transaction.on_commit(partial(_count, drained.since, moved))
    return drained.taken


def _count(since: Mapping[datetime, int], moved: int) -> None:
    """Memberships are visible now: how long that took, of each change."""
    now = datetime.now(UTC)
    metrics.MEMBERSHIPS.add(moved)
    for at, n in since.items():
        metrics.DELAY.observe((now - at).total_seconds(), "membership", times=n)
