"""Where the embedded servers of one DATA_DIR keep their files.

DATA_DIR/
  servers.json   passwords of the roles and the socket directory (0600)
  control/       lock files, the supervisor's state, requests to it
  postgres/      the database cluster (owned by the account that runs it)
  run/           Unix sockets, unless the path is too long for one
  log/           supervisor.log, postgres.log, valkey.log
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROLES = {"owner": "cdp_owner", "app": "cdp_app", "vault": "cdp_vault"}
DATABASES = {"main": "cdp", "vault": "cdp_vault"}
SUPERUSER = "postgres"
PORT = 5432  # Names the socket file only: nothing listens on TCP.

# sockaddr_un holds 108 bytes on Linux and 104 on macOS; leave room for the longest name we put in the directory.
_SOCKET_DIR_LIMIT = 100 - len(f"/.s.PGSQL.{PORT}.lock")


class EmbeddedServerError(RuntimeError):
    """The embedded servers cannot be started, joined or stopped; the message says what to do."""


@dataclass(frozen=True)
class Servers:
    """URLs of the running servers; empty for a server that was not asked for.

    ``admin_url`` is the PostgreSQL superuser: for tests, which create databases, and for backups.
    """

    database_url: str
    owner_url: str
    vault_url: str
    admin_url: str
    broker_url: str


@dataclass(frozen=True)
class Layout:
    """Paths of one DATA_DIR, which is absolute and free of symbolic links."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        return cls(Path(data_dir).expanduser().resolve())

    @property
    def control(self) -> Path:
        return self.data_dir / "control"

    @property
    def lease(self) -> Path:
        return self.control / "lease"

    @property
    def lock(self) -> Path:
        return self.control / "supervisor.lock"

    @property
    def start_lock(self) -> Path:
        return self.control / "start.lock"

    @property
    def state(self) -> Path:
        return self.control / "state.json"

    @property
    def stop_request(self) -> Path:
        return self.control / "stop"

    @property
    def credentials(self) -> Path:
        return self.data_dir / "servers.json"

    @property
    def log(self) -> Path:
        return self.data_dir / "log"

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    def wants(self, server: str) -> Path:
        """Marker saying that some process wants this server (``postgres`` or ``valkey``)."""
        return self.control / f"want-{server}"

    def prepare(self) -> None:
        """Create the directories that every process needs.

        Raises EmbeddedServerError when DATA_DIR belongs to another person.
        """
        try:
            if not self.data_dir.exists():
                self.data_dir.mkdir(parents=True, mode=0o700, exist_ok=True)
            for directory in (self.control, self.log):
                directory.mkdir(mode=0o700, exist_ok=True)
                claim(directory, self.data_dir)
        except PermissionError as error:
            text = f"{self.data_dir} belongs to another user; set DATA_DIR to one of yours"
            raise EmbeddedServerError(text) from error

    def read_state(self) -> dict[str, Any]:
        """The supervisor's last word; empty when there is none."""
        return _read_json(self.state)

    def write_state(self, state: dict[str, Any]) -> None:
        write_json(self.state, state, like=self.data_dir)


def claim(path: Path, like: Path) -> None:
    """When root works in another user's directory, leave new files to that user."""
    if os.geteuid() == 0:
        owner = like.stat()
        if owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def write_json(path: Path, value: dict[str, Any], like: Path) -> None:
    """Replace ``path`` in one step, mode 0600, so that a reader sees the old or the new text."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    claim(temporary, like)
    temporary.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def read_secrets(layout: Layout) -> dict[str, Any]:
    """What ``make_secrets`` wrote; empty before the first start."""
    return _read_json(layout.credentials)


def make_secrets(layout: Layout) -> dict[str, Any]:
    """Passwords and socket directory of this DATA_DIR, made at the first call and kept.

    Only the supervisor calls this, so two callers cannot invent two passwords.
    """
    known = read_secrets(layout)
    wanted: dict[str, Any] = {"passwords": dict(known.get("passwords", {}))}
    for role in (SUPERUSER, *ROLES.values()):
        wanted["passwords"].setdefault(role, secrets.token_hex(24))
    # A copied or moved DATA_DIR must not meet the original in one socket directory.
    moved = known.get("data_dir") != str(layout.data_dir)
    wanted["data_dir"] = str(layout.data_dir)
    wanted["run_dir"] = _run_dir(layout) if moved else known["run_dir"]
    wanted["cluster"] = str(layout.cluster)
    if "base" in known and not moved:
        wanted |= {"base": known["base"], "cluster": known["cluster"]}
    wanted["provisioned"] = known.get("provisioned", "")
    if wanted != known:
        write_json(layout.credentials, wanted, like=layout.data_dir)
    return wanted


def _run_dir(layout: Layout) -> str:
    inside = str(layout.data_dir / "run")
    # PostgreSQL splits the setting at commas, and clients differ in how they quote a path inside a URL.
    if len(os.fsencode(inside)) <= _SOCKET_DIR_LIMIT and re.fullmatch(r"[\w./+-]+", inside, re.ASCII):
        return inside
    name = "cdp-" + hashlib.sha256(os.fsencode(layout.data_dir)).hexdigest()[:16]
    for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # open_run_dir checks whose it is.
        candidate = os.path.join(os.path.realpath(base), name)
        if len(os.fsencode(candidate)) <= _SOCKET_DIR_LIMIT:
            return candidate
    raise EmbeddedServerError("no directory with a path short enough for Unix sockets; set DATA_DIR or TMPDIR")


def open_run_dir(path: Path, uid: int, gid: int) -> None:
    """Make the socket directory, 0700 and owned by ``uid``.

    Raises EmbeddedServerError when somebody else made it first (it may lie in a directory open to all).
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), uid}:
        raise EmbeddedServerError(f"{path} is not a directory of ours; remove it")
    if found.st_uid != uid:
        os.chown(path, uid, gid, follow_symlinks=False)
    path.chmod(0o700)


def servers(record: dict[str, Any], *, postgres: bool, valkey: bool) -> Servers:
    """URLs from what ``make_secrets`` returned."""
    run_dir = quote(record["run_dir"], safe="/")

    def url(role: str, database: str) -> str:
        password = record["passwords"][role]
        return f"postgresql://{role}:{password}@/{database}?host={run_dir}&port={PORT}" if postgres else ""

    return Servers(
        database_url=url(ROLES["app"], DATABASES["main"]),
        owner_url=url(ROLES["owner"], DATABASES["main"]),
        vault_url=url(ROLES["vault"], DATABASES["vault"]),
        admin_url=url(SUPERUSER, "postgres"),
        broker_url=f"redis+socket://{run_dir}/valkey.sock" if valkey else "",
    )
