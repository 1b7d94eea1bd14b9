"""`worker`: the pipeline and the jobs."""

import gc
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from cdp.audit import sequencer
from cdp.operations import watch
from cdp.operations.backups import unfinished
from cdp.operations.family import MANAGE, Child, Family, manage
from cdp.operations.reporting import Reporter
from cdp.pipeline import loop

log = structlog.get_logger(__name__)

# Celery warns the superuser of messages that hold code (pickle): ours are JSON, and hold ids.
QUIET = ("-W", "ignore:You're running the worker with superuser privileges")


class Command(BaseCommand):
    help = "Runs the pipeline processes and the job worker (Celery). Start as many on as many machines as you like."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=int, default=settings.WORKER_PROCESSES, help="pipeline processes")
        parser.add_argument("--jobs", type=int, default=1, help="concurrent jobs; 0 runs none here")
        parser.add_argument("--pipeline-slot", type=int, default=None, help="(internal) be one pipeline process")
        parser.add_argument(
            "--memberships", action="store_true", help="(internal) be the process of memberships and audit"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["pipeline_slot"] is not None:
            slot = options["pipeline_slot"]
            return self._loops(f"pipeline {slot}", {"pipeline": partial(loop.process_forever, slot=slot)})
        if options["memberships"]:
            return self._loops("memberships", {"memberships": loop.follow_forever, "audit": sequencer.run_forever})
        unfinished.refuse()
        children = [manage("worker", "--pipeline-slot", str(slot)) for slot in range(options["processes"])]
        children.append(manage("worker", "--memberships"))
        if options["jobs"]:
            celery = [
                MANAGE[0],
                *QUIET,
                "-m",
                "celery",
                "--quiet",
                "-A",
                "cdp.celery",
                "worker",
                "--pool",
                "threads",
                "--concurrency",
                str(options["jobs"]),
                "--loglevel",
                "WARNING",
                "--without-gossip",
                "--without-mingle",
            ]
            children.append(Child("jobs", celery))
        family = Family(children)
        family.catch_signals()
        family.run()

    def _loops(self, name: str, loops: dict[str, Callable[[threading.Event], None]]) -> None:
        """Runs each loop in a thread until the process is told to stop, or one of them ends."""
        # A batch makes a hundred thousand short-lived dicts, none of them in a cycle. With the default thresholds the
        # collector looks for cycles among them all the time: a fifth of a batch's processor time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        # Small questions, asked all the time: to start parallel workers for one costs more than its answer, and takes the
        # other cores from the other pipeline processes (a full demo: 190 s with, 120 s without). libpq reads it at connect.
        os.environ.setdefault("PGOPTIONS", "-c max_parallel_workers_per_gather=0")
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        threads = [threading.Thread(target=run, args=(stop,), name=label) for label, run in loops.items()]
        for thread in threads:
            thread.start()
        reporter = Reporter(name.split()[0], watch.look)
        reporter.start()
        log.info("worker.started", loops=name)
        while not stop.wait(0.5):
            if not all(thread.is_alive() for thread in threads):
                log.error("worker.thread_died", loops=name)
                stop.set()  # the process ends and is started anew: half a worker would look healthy
        for thread in threads:
            thread.join(15)
        reporter.stop()
