"""Waiting for the group commit on an event loop: many requests wait there without a thread each.

With a thread for each, most of a request's processor time went into switching between them.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db import close_old_connections

from cdp.events import writer
from cdp.events.accept import Offer, Receipt
from cdp.events.commit import Item
from cdp.events.writer import Overloaded, Request

T = TypeVar("T")
_LOOK = 0.25  # seconds between two looks for requests whose time is over
_threads = ThreadPoolExecutor(2, "events-lookup")
_here = threading.local()


async def written(offer: Offer) -> Receipt:
    """`accept.written` on an event loop: returns once the offer is durable. Raises Overloaded."""
    if offer.items:
        await _promises().kept(offer.items)
    if offer.is_refused:
        await _promises().kept(await from_memory(offer.again))
    return offer.receipt()


async def from_memory(act: Callable[[], T], *, here: bool = True) -> T:
    """What `act` returns. It runs here and now if all that it needs is in memory; where it has to ask a database (Django
    refuses that on an event loop, before anything is asked), or with `here` false, it runs, again, in a thread."""
    if here:
        with contextlib.suppress(SynchronousOnlyOperation):
            return act()
    return await asyncio.get_running_loop().run_in_executor(_threads, _with_connections, act)


def _with_connections(act: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return act()
    finally:
        close_old_connections()


class _Promises:
    """The requests of one event loop that wait for their commit, in the order of their deadlines."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[Request] = deque()
        self._looking: asyncio.TimerHandle | None = None

    async def kept(self, items: Sequence[Item]) -> None:
        """Returns once the items are durable, or marked `unstorable`. Raises Overloaded."""
        future: asyncio.Future[None] = self.loop.create_future()
        request = Request(items, self._tell, future)
        writer.current().enqueue(request)
        self._waiting.append(request)
        if self._looking is None:
            self._looking = self.loop.call_later(_LOOK, self._look)
        await future
        if request.failed:
            raise Overloaded("the database refused")

    def _tell(self, requests: list[Request]) -> None:
        """Called in the writer's thread: one message to the loop for all requests of a group."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all who waited with it
            self.loop.call_soon_threadsafe(_keep, requests)

    def _look(self) -> None:
        now = time.monotonic()
        while self._waiting and (self._waiting[0].waits.done() or self._waiting[0].deadline <= now):
            request = self._waiting.popleft()
            if not request.waits.done():
                request.open = False
                request.waits.set_exception(Overloaded("no commit within the time limit"))
        self._looking = self.loop.call_later(_LOOK, self._look) if self._waiting else None


def _keep(requests: list[Request]) -> None:
    for request in requests:
        request.items = ()  # until the next look, only what is small stays
        if not request.waits.done():
            request.waits.set_result(None)


def _promises() -> _Promises:
    loop = asyncio.get_running_loop()
    found: _Promises | None = getattr(_here, "promises", None)
    if found is None or found.loop is not loop:
        found = _here.promises = _Promises(loop)
    return found
