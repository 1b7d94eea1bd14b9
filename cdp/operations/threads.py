"""Threads that an event loop gives work to. The one that was busy last is asked first, so that a calm server uses few database
connections, and those are warm: `ThreadPoolExecutor` asks the one that has been idle for longest.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """At most `most` threads, started when they are needed. They end with the process."""

    def __init__(self, most: int, name: str) -> None:
        self._left, self._name = most, name
        self._idle: list[SimpleQueue[_Work]] = []
        self._waiting: deque[_Work] = deque()
        self._lock = threading.Lock()

    async def run(self, loop: asyncio.AbstractEventLoop, work: Callable[..., Any], *args: Any) -> Any:
        """What `work(*args)` returns or raises, done in one of the threads; done all the same if the caller is cancelled."""
        asked: asyncio.Future[Any] = loop.create_future()
        self._give((loop, asked, work, args))
        return await asked

    def _give(self, work: _Work) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
            elif self._left:
                self._left -= 1
                threading.Thread(
                    target=self._go_on, args=(work,), name=f"{self._name}-{self._left}", daemon=True
                ).start()
            else:
                self._waiting.append(work)

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
