"""Group commit: one thread per process writes what all waiting requests have brought, in one transaction after another.

The rules (each has a test): nobody is told that an event is accepted before its transaction has committed; no commit
within the time limit is `Overloaded`; deadlocks, serialisation failures and lost connections are tried again; a group that
one row poisons is bisected down to that row, which becomes a rejection; a writer that dies ends the process, so that
nothing waits for it.
"""

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from django.conf import settings

from cdp.events import commit
from cdp.events.commit import Item

log = structlog.get_logger(__name__)

TIME_LIMIT = 10.0  # seconds; the SDKs give up after 15
GROUP = 5_000  # events in one transaction
WAITING = 50_000  # events in the queue: beyond, senders are asked to come back later
SHARE = 0.8  # of the queue that one source may fill, so that it does not lock the others out
FIRST_SLOT, SLOTS = 1_000, 64  # of the counts; workers use the low numbers
EXIT_CODE = 70  # EX_SOFTWARE (sysexits.h)
_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
LINGER, LINGERS = 0.001, 3  # seconds and times that a group waits for requests that are on their way


class Overloaded(Exception):
    """Not accepted: the sender should come back later. `crowding` if this one source fills the queue."""

    def __init__(self, detail: str, *, crowding: bool = False) -> None:
        super().__init__(detail)
        self.crowding = crowding


class Request:
    """Items that are answered for together. `tell` is called, in the writer's thread, with all requests of a group that
    have the same `tell`, once their items are written or have failed."""

    __slots__ = ("deadline", "failed", "items", "open", "tell", "waits")

    def __init__(
        self, items: Sequence[Item], tell: "Callable[[list[Request]], None]", waits: Any, seconds: float = TIME_LIMIT
    ) -> None:
        self.items, self.tell, self.waits = items, tell, waits
        self.deadline = time.monotonic() + seconds
        self.failed = False
        self.open = True  # False once nobody waits any more


def _release(requests: list[Request]) -> None:
    for request in requests:
        request.waits.release()


class Writer:
    """The queue and its thread. `slot` keeps its counts on rows of their own."""

    def __init__(self, *, slot: int, keep_days: int) -> None:
        self._slot, self._keep_days = slot, keep_days
        self._queue: list[Request] = []
        self._waiting = 0
        self._last = 0  # requests in the group before
        self._by_source: Counter[bytes] = Counter()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="events-writer", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Item], *, seconds: float = TIME_LIMIT) -> None:
        """Waits until the items are durable, or marked `unstorable`. Raises Overloaded when there is no room or no commit
        in time."""
        lock = threading.Lock()
        lock.acquire()
        request = Request(items, _release, lock, seconds)
        self.enqueue(request)
        if not lock.acquire(timeout=seconds):
            request.open = False
            raise Overloaded("no commit within the time limit")
        if request.failed:
            raise Overloaded("the database refused")

    def enqueue(self, request: Request) -> None:
        """Puts a request into the queue and waits for nothing. Raises Overloaded when there is no room."""
        size, source = len(request.items), request.items[0].source
        with self._guard:
            if self._waiting and self._waiting + size > WAITING:
                raise Overloaded("the queue is full")
            if self._by_source[source] and self._by_source[source] + size > WAITING * SHARE:
                raise Overloaded("this source fills the queue", crowding=True)
            self._waiting += size
            self._by_source[source] += size
            self._queue.append(request)
        self._wake.set()

    def _run(self) -> None:
        try:
            while True:
                self._wake.wait()
                self._wake.clear()
                while self._queue:
                    self._linger()
                    if group := [request for request in self._take() if request.open]:
                        self._last = len(group)
                        self._commit(group)
        except BaseException as error:  # whatever it was: without a writer every request would wait in vain
            log.critical("events.writer_died", error=type(error).__name__)
            os._exit(EXIT_CODE)

    def _linger(self) -> None:
        """Waits a moment while fewer requests are here than half the last group had: who was just answered sends the next one
        at once, and a commit costs the same for few as for many. A sender that is alone never waits."""
        for _ in range(LINGERS):
            if len(self._queue) * 2 >= self._last:
                return
            time.sleep(LINGER)

    def _take(self) -> list[Request]:
        """The requests of the next group, off the queue."""
        with self._guard:
            taken = size = 0
            for request in self._queue:
                if taken and size + len(request.items) > GROUP:
                    break
                taken += 1
                size += len(request.items)
            group, self._queue = self._queue[:taken], self._queue[taken:]
            self._waiting -= size
            for request in group:
                source = request.items[0].source
                self._by_source[source] -= len(request.items)
                if not self._by_source[source]:
                    del self._by_source[source]
        return group

    def _commit(self, group: list[Request]) -> None:
        deadline = max(request.deadline for request in group)
        lost = {id(item) for item in self._write([item for request in group for item in request.items], deadline)}
        told: defaultdict[Callable[[list[Request]], None], list[Request]] = defaultdict(list)
        for request in group:
            request.failed = bool(lost) and any(id(item) in lost for item in request.items)
            told[request.tell].append(request)
        for tell, requests in told.items():
            tell(requests)

    def _write(self, items: list[Item], deadline: float) -> list[Item]:
        """Writes the items, in halves if need be, and marks what the database will not have; returns what could not be
        written in time."""
        try:
            self._write_until(items, deadline)
            return []
        except (psycopg.OperationalError, psycopg.InterfaceError):
            return items
        except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
            log.warning("events.group_refused", error=type(error).__name__, events=len(items))
        if len(items) > 1:
            half = len(items) // 2
            return self._write(items[:half], deadline) + self._write(items[half:], deadline)
        items[0].unstorable = True
        return []

    def _write_until(self, items: list[Item], deadline: float) -> None:
        """Tries again after passing faults: deadlock, serialisation failure, lost connection, server restarting."""
        pause = _PAUSE
        while True:
            try:
                commit.write(self._connected(), items, slot=self._slot, keep_days=self._keep_days)
                return
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("events.group_retried", error=type(error).__name__, events=len(items))
                self._disconnect()
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except psycopg.Error:
                self._disconnect()
                raise

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = connect()
            commit.prepare(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connect() -> "psycopg.Connection[Any]":
    """A connection of the application role, apart from Django's, in autocommit mode. Raises psycopg.OperationalError."""
    it = settings.DATABASES["default"]
    given = {
        "dbname": it["NAME"],
        "user": it["USER"],
        "password": it["PASSWORD"],
        "host": it["HOST"],
        "port": it["PORT"],
    }
    connection = psycopg.connect(
        **{name: value for name, value in given.items() if value},
        **it.get("OPTIONS", {}),
        autocommit=True,
        connect_timeout=3,
        application_name="cdp events writer",
    )
    connection.execute("SET synchronous_commit = on")
    return connection


_lock = threading.Lock()
_writers: dict[int, Writer] = {}


def current() -> Writer:
    """This process's writer, started at first use (after a fork, the child gets its own)."""
    pid = os.getpid()
    writer = _writers.get(pid)
    if writer is None:
        with _lock:
            writer = _writers.get(pid)
            if writer is None:
                # Two processes on one slot only wait for each other's count rows: the order of locks is fixed.
                writer = _writers[pid] = Writer(slot=FIRST_SLOT + pid % SLOTS, keep_days=settings.RESIDUE_DAYS)
    return writer
