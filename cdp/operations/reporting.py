"""What this process counted, and that it lives, into the database: every few seconds, by one thread of it.

The counts of all processes add up in `operations_series`, so a scrape of any web process speaks for the installation
and no count ends with its process. What could not be written is written next time; a process that is killed takes the
counts of its last `SECONDS` with it. The same thread looks after the installation (`watch.py`): whichever process is
first in the advisory lock does, so that no one process can die and nobody notices.
"""

import json
import os
import resource
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from cdp import metrics
from cdp.ids import uuid7
from cdp.operations.version import VERSION
from cdp.vault import keys

log = structlog.get_logger(__name__)
SECONDS = 5.0
KEPT = timedelta(hours=1)  # how long a process that ended is remembered

_ADD = """
INSERT INTO operations_series (name, labels, part, n)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[]) AS t (name, labels, part, n) ORDER BY 1, 2, 3
ON CONFLICT (name, labels, part) DO UPDATE SET n = operations_series.n + excluded.n
"""
_ALIVE = """
INSERT INTO operations_process (id, kind, host, pid, version, started_at, seen_at, figures)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, figures = excluded.figures
"""


def flush() -> int:
    """Writes what this process counted since the last time; how many samples. Raises DatabaseError; then nothing is lost."""
    samples = metrics.take()
    if not samples:
        return 0
    labels = [json.dumps(sample.labels) for sample in samples]
    columns: list[Any] = [
        [it.name for it in samples],
        labels,
        [it.part for it in samples],
        [float(it.n) for it in samples],
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, columns)
    except (DatabaseError, InterfaceError):
        metrics.put_back(samples)
        raise
    return len(samples)


def figures() -> dict[str, Any]:
    """What this process uses now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        memory = usage.ru_maxrss * 1024  # not Linux: the most that it ever used
    return {
        "memory_bytes": memory,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "threads": threading.active_count(),
        "vault_keys": keys.remembered(),
    }


def alive(id: UUID, kind: str, *, started_at: datetime, at: datetime) -> None:
    """Says that this process lives."""
    said: list[Any] = [id, kind, socket.gethostname()[:64], os.getpid(), VERSION, started_at, at, json.dumps(figures())]
    with connection.cursor() as cursor:
        cursor.execute(_ALIVE, said)


def forget_ended(at: datetime) -> int:
    """Drops the processes that have not been seen for an hour; how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM operations_process WHERE seen_at < %s", [at - KEPT])
        return int(cursor.rowcount)


class Reporter:
    """The thread. `look` is called with the time after each report: it looks after the installation."""

    def __init__(self, kind: str, look: Callable[[datetime], object]) -> None:
        self._kind, self._look, self._id = kind, look, uuid7()
        self._started = datetime.now(UTC)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begins to report."""
        self._thread.start()

    def stop(self) -> None:
        """Reports a last time and leaves the list of those that live."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._once()
            self._stop.wait(SECONDS)
        try:
            flush()
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("DELETE FROM operations_process WHERE id = %s", [self._id])
        except (DatabaseError, InterfaceError) as error:
            log.warning("report.last_one_lost", error=type(error).__name__)
        connection.close()

    def _once(self) -> None:
        now = datetime.now(UTC)
        try:
            flush()
            alive(self._id, self._kind, started_at=self._started, at=now)
            self._look(now)
        except (DatabaseError, InterfaceError) as error:
            log.warning("report.database_away", error=type(error).__name__)
            connection.close()
        except Exception as error:  # the reporter must outlive any one fault: without it the process would look dead
            log.error("report.fault", error=type(error).__name__)
            connection.close()
