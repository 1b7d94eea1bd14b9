"""The real web server as a process of its own, for journeys and fault tests: import the fixture `server`."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """Granian with its web processes. `kill()` is kill -9 of all of it."""

    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    threads: int = 32
    processes: int = 1
    log: Path | None = None  # where its log goes, if not to this process's own
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 40) -> "Server":
        """Starts it and waits until the wire answers."""
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port), "--processes", str(self.processes)]
        environment = self.environment | {"PORT": str(self.port), "WEB_THREADS": str(self.threads)}
        with self.log.open("ab") if self.log else contextlib.nullcontext() as log:
            self.process = subprocess.Popen(
                command, cwd=_ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=log
            )
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the web server ended with {self.process.returncode}")
            try:
                urllib.request.urlopen(f"{self.url}/v1/none", timeout=5)
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.1)
        self.kill()
        raise RuntimeError("the web server did not come up")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Ends the whole group of this process (the server and its worker), by default with kill -9."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait(20)
            self.process = None


@pytest.fixture
def server(clean: None, child_environment: dict[str, str]) -> Iterator[Callable[..., Server]]:
    """`server()` starts a web server on this test's databases and waits for it; all are ended with the test."""
    started: list[Server] = []

    def _start(**options: Any) -> Server:
        started.append(Server(child_environment, **options))
        return started[-1].start()

    yield _start
    for each in started:
        each.kill()
