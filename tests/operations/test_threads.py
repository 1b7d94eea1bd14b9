"""Threads that an event loop gives work to."""

import asyncio
import threading
import time
from typing import Any

import pytest

from cdp.operations.threads import Threads


def test_results_and_errors_come_back() -> None:
    async def asked() -> None:
        threads, loop = Threads(2, "t"), asyncio.get_running_loop()
        assert await threads.run(loop, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(loop, divmod, 7, 0)
        found: list[Any] = await asyncio.gather(*(threads.run(loop, pow, n, 2) for n in range(50)))
        assert found == [n * n for n in range(50)]

    asyncio.run(asked())


def test_no_more_threads_than_asked_for_and_the_last_one_first() -> None:
    seen: list[str] = []

    def work(seconds: float) -> None:
        seen.append(threading.current_thread().name)
        time.sleep(seconds)

    async def asked() -> None:
        threads, loop = Threads(3, "t"), asyncio.get_running_loop()
        await asyncio.gather(*(threads.run(loop, work, 0.01) for _ in range(20)))
        assert (len(seen), len(set(seen))) == (20, 3)
        seen.clear()
        for _ in range(20):
            while len(threads._idle) < 3:  # a thread answers before it lies down
                await asyncio.sleep(0.001)
            await threads.run(loop, work, 0)
        assert len(set(seen)) == 1

    asyncio.run(asked())


def test_who_gave_up_is_not_told_and_the_thread_goes_on() -> None:
    async def asked() -> None:
        threads, loop = Threads(1, "t"), asyncio.get_running_loop()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(threads.run(loop, time.sleep, 0.2), 0.01)
        assert await threads.run(loop, max, 1, 2) == 2

    asyncio.run(asked())


def test_a_burst_is_done_by_the_threads_there_are_unless_they_are_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def short() -> None:
        threads, loop = Threads(8, "t", ready=2), asyncio.get_running_loop()
        names = await asyncio.gather(*(threads.run(loop, lambda: threading.current_thread().name) for _ in range(50)))
        assert len(set(names)) <= 2

    async def held_up() -> None:
        threads, loop, free = Threads(8, "t", ready=1), asyncio.get_running_loop(), threading.Event()
        await asyncio.gather(*(threads.run(loop, free.wait) for _ in range(6)), threads.run(loop, free.set))

    monkeypatch.setattr("cdp.operations.threads._PATIENCE", 600)
    asyncio.run(short())
    monkeypatch.setattr("cdp.operations.threads._PATIENCE", 0.01)
    asyncio.run(asyncio.wait_for(held_up(), 60))
