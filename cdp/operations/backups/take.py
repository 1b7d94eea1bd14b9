"""Taking a backup: both databases as they were at one moment, in a folder that is whole or no backup at all."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import psycopg
from django.conf import settings
from django.db import transaction
from psycopg import IsolationLevel

from cdp import audit
from cdp.catalogue.identifiers import KINDS
from cdp.ids import uuid7
from cdp.operations.backups import manifest, programs, reading, unfinished
from cdp.operations.backups.manifest import Manifest
from cdp.operations.backups.programs import BackupError
from cdp.operations.version import VERSION
from cdp.vault import blind, journal

BY = audit.Actor("system", "backup")
_WORK = ".unfinished"
_OWN_DIGESTS = ("suppression",)


class Progress(Protocol):
    """Hears how far it is."""

    def begin(self, what: str, total: int) -> None:
        """Something begins that will be `total` bytes."""

    def advance(self, n: int) -> None:
        """So many bytes of it are done."""


def take(folder: Path, *, at: datetime, jobs: int, progress: Progress) -> Manifest:
    """Dumps both databases into the folder, which must be new or empty, and reads the dumps once more.

    The main database's moment comes first, the vault's some milliseconds later: a key is committed before the first row
    that needs it, so every row in the backup has its key. Raises BackupError, and then leaves nothing behind."""
    unfinished.refuse()
    _refuse_empty()
    # A digest's key is made on first use. Were that after the backup, what is suppressed then could not be recognised in
    # what is restored.
    for kind in (*KINDS, *_OWN_DIGESTS):
        blind.index(kind, "")
    with _work(folder) as work:
        made = _dump(work, at=at, jobs=jobs, progress=progress)
        manifest.write(made, work)
        journal.backed_up(made.id, at=at)
        for part in (*reading.ALIASES, manifest.NAME):
            (work / part).rename(folder / part)
    size = sum(size for size, _ in made.files.values())
    with transaction.atomic():
        audit.record("backup.taken", by=BY, object=("backup", made.id), details={"bytes": size})
    return made


def _refuse_empty() -> None:
    with reading.connect(settings.DATABASES["vault"]) as vault:
        if not reading.migrations(vault):
            raise BackupError("There is nothing to back up yet: `manage.py setup` has not run.")


def _dump(work: Path, *, at: datetime, jobs: int, progress: Progress) -> Manifest:
    databases: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        moments = {part: stack.enter_context(_moment(part)) for part in reading.ALIASES}
        newest = max(reading.server_major(connection) for connection, _ in moments.values())
        dump, check = programs.find("pg_dump", newest), programs.find("pg_restore", newest)
        for part, (connection, snapshot) in moments.items():
            sizes = reading.sizes(connection)
            progress.begin(part, sum(sizes.values()))
            _dump_one(dump, work, part, snapshot, jobs, lambda table: progress.advance(sizes.get(table, 0)))  # noqa: B023
            databases[part] = {
                "server": connection.info.server_version,
                "migrations": reading.migrations(connection),
                "rows": reading.counts(connection),
                "bytes": sizes,
            }
        epochs = reading.epochs(moments["vault"][0])
    for part in reading.ALIASES:
        programs.run(check, ["--file=/dev/null", work / part])  # unpacks every row
    return Manifest(
        id=str(uuid7()),
        made_at=at.isoformat(timespec="seconds"),
        version=VERSION,
        pg_dump=dump.major,
        roles={name: settings.DATABASES[alias]["USER"] for name, alias in unfinished.ROLES.items()},
        epochs=epochs,
        databases=databases,
        files=manifest.fingerprints(work),
    )


@contextmanager
def _moment(part: str) -> "Iterator[tuple[psycopg.Connection[Any], str]]":
    """A transaction that sees one moment, and the name under which pg_dump sees the same."""
    with reading.connect(settings.DATABASES[reading.ALIASES[part]]) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")  # it stands by while pg_dump works
        connection.execute("SET statement_timeout = 0")
        connection.commit()
        connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield connection, str(row[0]) if row else ""
        connection.rollback()


def _dump_one(
    program: programs.Program, work: Path, part: str, snapshot: str, jobs: int, table_done: Callable[[str], None]
) -> None:
    arguments = [
        "--format=directory", f"--file={work / part}", f"--jobs={jobs}", f"--snapshot={snapshot}", "--compress=1", "--verbose",
        *(f"--exclude-table-data=public.{table}" for table in reading.NOT_KEPT),
    ]  # fmt: skip
    programs.run(program, arguments, settings.DATABASES[reading.ALIASES[part]], table_done=table_done)


@contextmanager
def _work(folder: Path) -> Iterator[Path]:
    """A folder inside the folder, gone when anything goes wrong, and with it the folder if it was not there before."""
    there = folder.exists()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty: give a new folder, so that no backup is overwritten.")
        work = folder / _WORK
        work.mkdir(mode=0o700)
    except OSError as error:
        raise BackupError(f"{folder} cannot be used: {error.strerror}.") from None
    try:
        yield work
        work.rmdir()
    except BaseException as error:
        _clear(folder, there=there)
        if why := _no_room(error):
            raise BackupError(
                f"The backup could not be written to {folder}: {why}. Nothing was kept, and nothing else has changed. Make room "
                "there, or give a folder on a larger disk."
            ) from None
        raise


def _no_room(error: BaseException) -> str:
    """Why nothing can be written, where that is what went wrong: for us, or for the pg_dump whose words `error` repeats."""
    if isinstance(error, OSError):
        return os.strerror(error.errno or 0)
    told = (os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
    return next((why for why in told if isinstance(error, BackupError) and why in str(error)), "")


def _clear(folder: Path, *, there: bool) -> None:
    for entry in list(folder.iterdir()) if there else [folder]:
        shutil.rmtree(entry, ignore_errors=True)
