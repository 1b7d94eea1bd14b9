"""The demo's stages: a progress bar each, the seconds of each, and the processes looked after while they last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cdp import outbox
from cdp.operations.family import Family

_LOOK_EVERY = 0.5  # seconds between two looks at the inbox


class Stopped(Exception):
    """Ctrl-C."""


class Stage:
    """One bar. `report(n)` says how far it is."""

    def __init__(self, stages: Stages, task: TaskID) -> None:
        self._stages, self._task = stages, task

    def report(self, done: int, total: int | None = None) -> None:
        """Moves the bar, and the pipeline's below it. Raises Stopped."""
        self._stages.progress.update(self._task, completed=done, total=total)
        self._stages.tick()


class Stages:
    """All bars. The pipeline has one of its own, which moves during every other stage: it works all the while."""

    def __init__(self, console: Console, family: Family) -> None:
        self.console, self.family = console, family
        self.seconds: dict[str, float] = {}
        self.progress = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._pipeline: TaskID | None = None
        self._looked = 0.0
        self.pending = 0
        self.done = 0
        self.rate = 0.0  # events settled per second, from the first file to the last segment
        self._before, self._began = 0, 0.0

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A bar for as long as the block lasts; its seconds are kept in `seconds`."""
        task = self.progress.add_task(name, total=total)
        began = time.monotonic()
        yield Stage(self, task)
        self.seconds[name] = time.monotonic() - began
        all_of_it = self.progress.tasks[task].total or 1
        self.progress.update(task, completed=all_of_it, total=all_of_it)
        if not self.console.is_terminal:
            self.console.print(f"{name}: {all_of_it:,.0f} in {self.seconds[name]:.1f} s")

    def watch_pipeline(self, total: int) -> None:
        """Begins the pipeline's bar: `total` events are to come."""
        self.look()
        self._before, self._began = self.done, time.monotonic()
        self._pipeline = self.progress.add_task("Pipeline: permission, people, segments", total=total)

    def finish(self) -> None:
        """Ends the pipeline's bar; what it did per second is kept in `rate`."""
        self.rate = (self.done - self._before) / max(time.monotonic() - self._began, 0.001)
        if self._pipeline is not None:
            self.progress.update(self._pipeline, completed=self.done - self._before)

    def tick(self) -> None:
        """Looks after the processes and, twice a second, at the inbox. Raises Stopped."""
        if self.family.stop.is_set():
            raise Stopped
        self.family.tend()
        if self._pipeline is not None and time.monotonic() - self._looked > _LOOK_EVERY:
            self.look()
            self.progress.update(self._pipeline, completed=self.done - self._before)
            self._looked = time.monotonic()

    def look(self) -> int:
        """How many accepted events still wait; `done` is how many were settled since the installation began.

        From the counts: to count the inbox itself twice a second would take a tenth of the machine."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(n) FILTER (WHERE outcome = 'accepted'), 0)::bigint,"
                " coalesce(sum(n) FILTER (WHERE outcome <> 'accepted'), 0)::bigint FROM events_tally"
            )
            accepted, self.done = cursor.fetchone()
        self.pending = accepted - self.done
        return int(self.pending)

    def quiet(self) -> bool:
        """Whether nothing waits any more: no event, and no change whose segments are not yet evaluated."""
        if self.look():
            return False
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (TABLE events_inbox)")
            return not cursor.fetchone()[0] and not outbox.waits()
