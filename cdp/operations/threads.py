"""Threads that an event loop gives work to. The one that was busy last is asked first, so that a calm server uses few database
connections, and those are warm: `ThreadPoolExecutor` asks the one that has been idle for longest.

It also starts a thread whenever all are busy. A server that stumbled for a moment, when a disk was slow, then opens a dozen
connections at once, and their signing in makes the moment a second. Here more than a few threads are started only where work
has waited for longer than short requests take.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_READY = 4  # started as soon as there is work
_PATIENCE = 0.05  # seconds that work waits before it gets another thread
_Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """At most `most` threads, started when they are needed, the first `ready` of them at once. They end with the process."""

    def __init__(self, most: int, name: str, *, ready: int = _READY) -> None:
        self._left, self._name = most, name
        self._ready = ready  # how many more are started without waiting
        self._idle: list[SimpleQueue[_Work]] = []
        self._waiting: deque[_Work] = deque()
        self._lock = threading.Lock()

    async def run(self, loop: asyncio.AbstractEventLoop, work: Callable[..., Any], *args: Any) -> Any:
        """What `work(*args)` returns or raises, done in one of the threads; done all the same if the caller is cancelled."""
        asked: asyncio.Future[Any] = loop.create_future()
        given = (loop, asked, work, args)
        if not self._taken(given):
            loop.call_later(_PATIENCE, self._hurry, given)
        return await asked

    def _taken(self, work: _Work) -> bool:
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
            elif self._ready and self._left:
                self._ready -= 1
                self._start(work)
            else:
                self._waiting.append(work)
                return False
        return True

    def _hurry(self, work: _Work) -> None:
        """Starts a thread for whoever has waited longest, if this still waits."""
        with self._lock:
            if self._left and any(it is work for it in self._waiting):
                self._start(self._waiting.popleft())

    def _start(self, work: _Work) -> None:
        self._left -= 1
        threading.Thread(target=self._go_on, args=(work,), name=f"{self._name}-{self._left}", daemon=True).start()

    def _go_on(self, work: _Work) -> None:
        own: SimpleQueue[_Work] = SimpleQueue()
        while True:
            _do(*work)
            del work  # what a request brought does not stay for as long as the thread is idle
            with self._lock:
                if self._waiting:
                    work = self._waiting.popleft()
                    continue
                self._idle.append(own)
            work = own.get()


def _do(
    loop: asyncio.AbstractEventLoop, asked: "asyncio.Future[Any]", work: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    try:
        result = work(*args)
    except BaseException as error:
        _told(loop, asked, asked.set_exception, error)
    else:
        _told(loop, asked, asked.set_result, result)


def _told(
    loop: asyncio.AbstractEventLoop, asked: "asyncio.Future[Any]", tell: Callable[[Any], None], outcome: object
) -> None:
    def now() -> None:
        if not asked.done():
            tell(outcome)

    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever asked
        loop.call_soon_threadsafe(now)
