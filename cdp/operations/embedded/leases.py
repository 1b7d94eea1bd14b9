"""Joining the servers: what every command calls. A lease is a shared lock that the kernel drops with its process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from cdp.operations.embedded import locks
from cdp.operations.embedded.layout import EmbeddedServerError, Layout, Servers, claim, read_secrets, servers

START_SECONDS = 180.0  # The first start takes one or two; recovery after a crash may take long.
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "CDP_TEST_FSYNC_OFF")

_leases: dict[Path, int] = {}
_watched: dict[Path, tuple[str, ...]] = {}
_guard = threading.Lock()


def ensure(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Servers:
    """Start (or join) the embedded servers of ``data_dir``, hold a lease for the life of this process, return URLs.

    Safe when many processes and threads call at once. The servers end some seconds after the last lease.
    Raises EmbeddedServerError.
    """
    layout = Layout.of(data_dir)
    wanted = tuple(name for name, asked in (("postgres", postgres), ("valkey", valkey)) if asked)
    with _guard:
        layout.prepare()
        _take_lease(layout)
        if wanted:
            _start(layout, wanted, seconds=START_SECONDS)
            _watch(layout, wanted)
    return servers(read_secrets(layout), postgres=postgres, valkey=valkey) if wanted else Servers("", "", "", "", "")


def stop(data_dir: Path, wait: float = 20) -> None:
    """Ask the supervisor to end and wait until all processes are gone.

    Processes with a lease do not start the servers again; the next ``ensure`` does. Raises EmbeddedServerError
    when they are still there after ``wait`` seconds.
    """
    layout = Layout.of(data_dir)
    if not layout.control.exists():
        return
    deadline = time.monotonic() + wait
    layout.stop_request.touch(mode=0o600)
    claim(layout.stop_request, layout.data_dir)
    if not locks.is_held(layout.lock) and layout.read_state().get("phase") not in {None, "stopped", "failed"}:
        _spawn(layout)  # Killed, perhaps leaving servers: a new supervisor clears them away and goes.
        time.sleep(0.2)
    while locks.is_held(layout.lock) or layout.read_state().get("phase") not in {None, "stopped", "failed"}:
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"the servers of {layout.data_dir} did not end within {wait:g} s")
        time.sleep(0.02)


def leave(data_dir: Path, wait: float = 20) -> bool:
    """Give up this process's lease; if nobody else holds one, end the servers now instead of some seconds later.

    For the very end of a command that promises to leave no process. Says whether the servers ended; raises
    EmbeddedServerError when they are still there after ``wait`` seconds.
    """
    layout = Layout.of(data_dir)
    with _guard:
        held = _leases.pop(layout.data_dir, None)
        if held is None:
            return False
        try:
            # Whoever comes while we hold it exclusively waits until the old servers are gone, and starts new ones.
            alone = locks.try_lock(held, exclusive=True)
            if alone:
                stop(data_dir, wait)
        finally:
            os.close(held)
    return alone


def status(data_dir: Path) -> dict[str, Any]:
    """``running`` (a supervisor lives), ``phase``, ``pid`` and ``servers`` with pid, readiness and number of starts."""
    layout = Layout.of(data_dir)
    state = layout.read_state()
    running = locks.is_held(layout.lock)
    phase = state.get("phase", "stopped") if running or state.get("phase") == "failed" else "stopped"
    return {
        "data_dir": str(layout.data_dir),
        "running": running,
        "phase": phase,
        "pid": state.get("pid") if running else None,
        "reason": state.get("reason", ""),
        "servers": state.get("servers", {}) if running else {},
    }


def _take_lease(layout: Layout) -> None:
    held = _leases.get(layout.data_dir)
    if held is not None and layout.lease.exists() and os.path.samestat(os.fstat(held), layout.lease.stat()):
        return
    try:
        descriptor = locks.open_lock(layout.lease)
    except PermissionError as error:
        raise EmbeddedServerError(f"{layout.data_dir} belongs to another user") from error
    # A supervisor that is about to end holds the lease until it is gone.
    if not locks.wait_lock(descriptor, exclusive=False, seconds=60):
        os.close(descriptor)
        raise EmbeddedServerError(f"the servers of {layout.data_dir} are shutting down and do not come to an end")
    os.utime(descriptor)
    _leases[layout.data_dir] = descriptor
    if held is not None:
        os.close(held)


def _start(layout: Layout, wanted: tuple[str, ...], *, seconds: float) -> None:
    """Return when a supervisor lives and every wanted server is ready."""
    deadline = time.monotonic() + seconds
    while not _is_ready(layout, wanted):
        try:
            with locks.exclusive(layout.start_lock, seconds=deadline - time.monotonic()):
                _bring_up(layout, wanted, deadline)
        except TimeoutError as error:
            raise EmbeddedServerError(f"the servers of {layout.data_dir} are not ready after {seconds:g} s") from error


def _bring_up(layout: Layout, wanted: tuple[str, ...], deadline: float) -> None:
    for name in wanted:
        layout.wants(name).touch(mode=0o600)
        claim(layout.wants(name), layout.data_dir)
    spawned = False
    while not _is_ready(layout, wanted):
        if time.monotonic() > deadline:
            raise TimeoutError
        state = layout.read_state()
        if spawned and state.get("phase") == "failed":
            raise EmbeddedServerError(state["reason"])
        if not locks.is_held(layout.lock):
            spawned = True
            # The old word goes first, so that nobody takes it for the new supervisor's.
            layout.state.unlink(missing_ok=True)
            layout.stop_request.unlink(missing_ok=True)
            _spawn(layout)
            _wait_for_supervisor(layout, deadline)
        time.sleep(0.01)


def _wait_for_supervisor(layout: Layout, deadline: float) -> None:
    """Until it has taken its lock, or said why it could not go on."""
    patience = min(deadline, time.monotonic() + 10)
    while time.monotonic() < patience:
        state = layout.read_state()
        if state.get("phase") == "failed":
            raise EmbeddedServerError(state["reason"])
        if state and locks.is_held(layout.lock):
            return
        time.sleep(0.01)


def _is_ready(layout: Layout, wanted: tuple[str, ...]) -> bool:
    state = layout.read_state()
    if state.get("phase") not in {"starting", "ready"} or not locks.is_held(layout.lock):
        return False
    return all(state["servers"].get(name, {}).get("ready") for name in wanted)


def _spawn(layout: Layout) -> None:
    """Start a supervisor that is no child of ours and knows no more of our environment than it needs."""
    root = str(Path(__file__).resolve().parents[3])
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
    log = layout.log / "supervisor.log"
    with open(log, "ab") as output:
        os.fchmod(output.fileno(), 0o600)
        claim(log, layout.data_dir)
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "cdp.operations.embedded", "supervise", "--data-dir", str(layout.data_dir)],
            check=True,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _watch(layout: Layout, wanted: tuple[str, ...]) -> None:
    known = _watched.get(layout.data_dir)
    _watched[layout.data_dir] = tuple(sorted({*wanted, *(known or ())}))
    if known is None:
        threading.Thread(target=_keep_supervised, args=(layout,), name="embedded-servers", daemon=True).start()


def _keep_supervised(layout: Layout) -> None:
    """Once a second: when the supervisor was killed, start another one. Somebody's ``stop`` is respected."""
    while layout.control.exists():
        time.sleep(1)
        try:
            if locks.is_held(layout.lock) or layout.stop_request.exists() or not layout.control.exists():
                continue
            if layout.read_state().get("phase") in {"failed", "stopped"}:
                continue
            with locks.exclusive(layout.start_lock, seconds=0.1):
                if not locks.is_held(layout.lock) and not layout.stop_request.exists():
                    _bring_up(layout, _watched[layout.data_dir], time.monotonic() + START_SECONDS)
        except (OSError, EmbeddedServerError, subprocess.SubprocessError):
            continue  # Another process may be luckier; we look again in a second.
    _watched.pop(layout.data_dir, None)


def _after_fork() -> None:
    """A forked child holds the lease too, but no thread of its parent: it gets a watcher of its own."""
    global _guard
    _guard = threading.Lock()
    watched = dict(_watched)
    _watched.clear()
    for data_dir, wanted in watched.items():
        _watch(Layout(data_dir), wanted)


os.register_at_fork(after_in_child=_after_fork)
