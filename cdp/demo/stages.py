"""The demo's stages: a progress bar each, the seconds of each, and the processes looked after while they last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

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
        self.family = family
        self.seconds: dict[str, float] = {}
        self.progress = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._pipeline: TaskID | None = None
        self._looked = 0.0
        self.pending = 0
        self.done = 0

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A bar for as long as the block lasts; its seconds are kept in `seconds`."""
        task = self.progress.add_task(name, total=total)
        began = time.monotonic()
        yield Stage(self, task)
        self.seconds[name] = time.monotonic() - began
        finished = self.progress.tasks[task]
        self.progress.update(task, completed=finished.total or 1, total=finished.total or 1)

    def watch_pipeline(self, total: int) -> None:
        """Begins the pipeline's bar: `total` events are to come."""
        self._pipeline = self.progress.add_task("Pipeline: permission, people, segments", total=total)

    def tick(self) -> None:
        """Looks after the processes and, twice a second, at the inbox. Raises Stopped."""
        if self.family.stop.is_set():
            raise Stopped
        self.family.tend()
        if self._pipeline is not None and time.monotonic() - self._looked > _LOOK_EVERY:
            self.look()
            self.progress.update(self._pipeline, completed=self.done)
            self._looked = time.monotonic()

    def look(self) -> int:
        """How many events and changes still wait; `done` is how many events were settled since the installation began."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM events_inbox), (SELECT count(*) FROM outbox_change),"
                " (SELECT coalesce(sum(n), 0)::bigint FROM events_tally WHERE outcome <> 'accepted')"
            )
            inbox, changes, self.done = cursor.fetchone()
        self.pending = inbox + changes
        return int(self.pending)
