"""A whole installation as its operator runs it: `manage.py up` with a data directory of its own, and its commands.

Its servers are embedded; where the test run itself has others (`.ci/debian`), it gets databases of its own on those.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from cdp.operations import embedded
from cdp.operations.embedded.provision import provision
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
_NOT_INHERITED = ("DATABASE_URL", "OWNER_DATABASE_URL", "VAULT_DATABASE_URL", "BROKER_URL", "SECRET_KEY", "KEYRING")
_VARIABLES = {"app": "DATABASE_URL", "owner": "OWNER_DATABASE_URL", "vault": "VAULT_DATABASE_URL"}


_numbers = itertools.count()


def _own_databases(name: str) -> dict[str, str]:
    """Two more databases for the roles of this test run, and a queue on its broker: what the environment says of them."""
    names = {"main": name, "vault": f"{name}_vault"}
    urls = {role: urlsplit(os.environ[variable]) for role, variable in _VARIABLES.items()}
    roles = {role: url.username or "" for role, url in urls.items()}
    passwords = {url.username or "": url.password or "" for url in urls.values()}
    provision(os.environ["ADMIN_DATABASE_URL"], names, roles, passwords)
    of = {"app": "main", "owner": "main", "vault": "vault"}
    mine = {_VARIABLES[role]: urlunsplit(url._replace(path=f"/{names[of[role]]}")) for role, url in urls.items()}
    return mine | {"BROKER_URL": os.environ["BROKER_URL"], "BROKER_QUEUE": name}


class Installation:
    """Commands and doors of one installation."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.port = free_port()
        self.environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED} | {
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
            "CDP_TEST_FSYNC_OFF": "1",
        }
        if "ADMIN_DATABASE_URL" in os.environ:
            self.environment |= _own_databases(f"journey_{os.getpid()}_{next(_numbers)}")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        """The main database as the application's role."""
        return self.environment.get("DATABASE_URL") or embedded.ensure(self.data_dir).database_url

    @property
    def vault_url(self) -> str:
        """The vault as its role."""
        return self.environment.get("VAULT_DATABASE_URL") or embedded.ensure(self.data_dir).vault_url

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Runs one of the commands to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def made(self, *arguments: str) -> str:
        """What a command that must succeed printed."""
        done = self.command(*arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def secret(self, *arguments: str, prefix: str) -> str:
        """The key that a command prints once."""
        return next(word for word in self.made(*arguments).split() if word.startswith(prefix))

    def up(self) -> None:
        """`manage.py up`, until it is ready."""
        log = (self.data_dir.parent / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port)],
            cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.wait(lambda: self.get("/readyz")[0] == 200, seconds=300)  # a loaded machine

    def down(self) -> None:
        """One Ctrl-C, then the servers."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None
        embedded.stop(self.data_dir)

    def get(self, path: str, key: str = "") -> tuple[int, Any]:
        """A GET of JSON: (status, body). Status 0 when nobody answers."""
        return self.call("GET", path, key=key)

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """A request with a service key: (status, body)."""
        request = urllib.request.Request(self.url + path, method=method)
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())
        except OSError:
            return 0, None

    def wait(self, done: Any, *, seconds: float) -> None:
        """Waits until `done()` is true; a refused connection counts as not yet."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if done():
                return
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds} seconds")

    def children(self) -> dict[str, list[int]]:
        """Process ids by what they are: web, worker (pipeline processes), postgres (the postmaster)."""
        found: dict[str, list[int]] = {"web": [], "worker": [], "postgres": []}
        mine = f"DATA_DIR={self.data_dir}\0".encode()
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if mine not in environment:
                continue
            if "serve" in command or any("granian" in word for word in command):
                found["web"].append(int(folder.name))
            elif "--pipeline-slot" in command or "--memberships" in command:
                found["worker"].append(int(folder.name))
        postmaster = embedded.status(self.data_dir).get("servers", {}).get("postgres", {}).get("pid")
        found["postgres"] = [postmaster] if postmaster else []
        return found


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation of its own, ended with the test."""
    it = Installation(tmp_path)
    try:
        yield it
    finally:
        it.down()
