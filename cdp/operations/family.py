"""A small process supervisor: starts children, starts them anew when they die, ends them together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
MANAGE = [sys.executable, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "manage.py")]


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """From now on the kernel sends this process a signal when its parent is gone, even by kill -9 (prctl(2)). Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)


@dataclass
class Child:
    """A command that is kept running."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    starts: list[float] = field(default_factory=list)
    due: float = 0.0

    def start(self, environment: Mapping[str, str] | None, output: int | None = None) -> None:
        """Starts it now; what it says goes to the descriptor `output`, or where ours goes."""
        self.starts = [at for at in self.starts if time.monotonic() - at < 60] + [time.monotonic()]
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
        )

    def backoff(self) -> float:
        """Seconds to wait before the next start: none at first, up to 10 for one that keeps dying."""
        return 0.0 if len(self.starts) < 3 else min(10.0, 0.5 * 2 ** (len(self.starts) - 3))


class Family:
    """Children that live and end together. One Ctrl-C (SIGINT or SIGTERM) ends all of them."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        environment: Mapping[str, str] | None = None,
        output: int | None = None,
    ) -> None:
        self.children, self.environment, self.output = list(children), environment, output
        self.stop = threading.Event()

    def catch_signals(self) -> None:
        """SIGINT and SIGTERM set `stop`. For the main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())

    def run(self, *, while_true: Callable[[], bool] | None = None) -> None:
        """Keeps every child running until `stop` is set (or `while_true` answers False), then ends them."""
        try:
            while not self.stop.is_set() and (while_true is None or while_true()):
                self.tend()
                self.stop.wait(0.2)
        finally:
            self.end()

    def tend(self) -> None:
        """Starts what has not started, and what died."""
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                log.warning("process.ended", process=child.name, code=child.process.returncode)
                child.process, child.due = None, time.monotonic() + child.backoff()
            if child.process is None and time.monotonic() >= child.due:
                child.start(self.environment, self.output)

    def end(self, *, wait: float = 20.0) -> None:
        """SIGTERM to all, SIGKILL to those still there after `wait` seconds."""
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + wait
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def manage(name: str, *arguments: str) -> Child:
    """A child that is one of our own commands."""
    return Child(" ".join((name, *arguments)), [*MANAGE, name, *arguments])
