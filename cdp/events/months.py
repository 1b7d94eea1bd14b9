"""Monthly partitions of the event store, made before they are needed."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime

import psycopg
import structlog

from cdp.events import writer

log = structlog.get_logger(__name__)
FIRST, LAST = date(2000, 1, 1), date(2100, 12, 1)
_known: set[date] = set()
_guard = threading.Lock()


def ensure(moments: Iterable[datetime]) -> None:
    """Sees to it that the months (UTC) of these times have partitions.

    Through a connection of its own, committed at once: the locks that this takes must not last as long as a batch. Where
    it cannot be done now (locks held too long, a month before 2000), rows go to the default partition, which loses
    nothing: they are moved when the month's partition is made."""
    wanted = {date(at.year, at.month, 1) for at in (moment.astimezone(UTC) for moment in moments)}
    missing = sorted(month for month in wanted - _known if FIRST <= month <= LAST)
    if not missing:
        return
    try:
        with writer.connect() as connection:
            connection.execute("SET lock_timeout = '2s'")
            for month in missing:
                # Another process may make it at this moment, which the function's own look does not always see: an advisory
                # lock, unlike one on a table, does not bring a session news of the catalogue.
                with suppress(psycopg.errors.DuplicateTable):
                    connection.execute("SELECT events_ensure_month(%s)", [month])
                with _guard:
                    _known.add(month)
    except psycopg.errors.LockNotAvailable:
        log.warning("events.month_not_made", months=len(missing))


def forget() -> None:
    """Drops what is remembered of partitions that exist."""
    with _guard:
        _known.clear()
