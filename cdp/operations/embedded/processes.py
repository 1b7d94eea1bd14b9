"""Looking at processes that are not our children: those that an earlier supervisor left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return not (_PROC / "self").exists()
    # The name stands in brackets and may hold spaces; the state follows the last bracket.
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def command(pid: int) -> str:
    """The command line, words joined by blanks; empty when it cannot be read."""
    if (_PROC / "self").exists():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)  # noqa: S603
    return shown.stdout.strip()


def working_in(directory: Path) -> list[int]:
    """Processes whose working directory is ``directory`` (every PostgreSQL process sits in its cluster).

    Empty where there is no /proc.
    """
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if os.readlink(entry / "cwd") == str(directory) and is_alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def named(ending: str) -> list[int]:
    """Processes whose command line ends so. Empty where there is no /proc."""
    candidates = (int(entry.name) for entry in _PROC.glob("[0-9]*"))
    return [pid for pid in candidates if command(pid).endswith(ending) and is_alive(pid)]


def end(pids: Callable[[], Iterable[int]], steps: Iterable[tuple[signal.Signals, float]]) -> bool:
    """Send each signal to all ``pids()`` and wait its seconds, until none is left. True when none is left."""
    for number, seconds in steps:
        for pid in pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not list(pids()):
                return True
            time.sleep(0.02)
    return not list(pids())
