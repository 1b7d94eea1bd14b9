"""Restoring a backup into an installation, so that nobody who was erased meanwhile comes back."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connections, transaction

from cdp import audit
from cdp.audit import sequencer
from cdp.catalogue import snapshot
from cdp.operations.backups import manifest, preconditions, programs, reading, unfinished
from cdp.operations.backups.manifest import Manifest
from cdp.operations.backups.programs import BackupError
from cdp.operations.backups.replay import Replayed, replay
from cdp.operations.backups.take import BY, Progress
from cdp.operations.setup import migrate
from cdp.pipeline.uptodate import bring_up_to_date
from cdp.vault import blind, keys

_WIPE = (Path(__file__).with_name("wipe.sql")).read_text()
_CHANGES = 1_000


def restore(
    folder: Path,
    *,
    journals: Collection[Path],
    without_journal: bool,
    replace: bool,
    at: datetime,
    jobs: int,
    progress: Progress,
) -> Replayed:
    """Brings both databases to what the backup holds, migrates them, and erases again who was erased since.

    Changes nothing before all of this is known to be possible. From then until its end the installation is marked, and
    nothing but another restore starts on it. Raises BackupError, JournalError, KeyringError."""
    found = manifest.verify(folder)
    if not replace and preconditions.in_use():
        raise BackupError(
            "This installation is in use. Restore into an empty one, or give --replace: all it holds now is then lost."
        )
    connections.close_all()
    preconditions.check(found)
    erased = preconditions.read_journals(found, journals, without=without_journal)
    program = programs.find("pg_restore", found.pg_dump)
    unfinished.mark(found.id)
    connections.close_all()
    for part in reading.ALIASES:
        _fill(program, folder, part, found, jobs, progress)
    migrate(lambda line: None)
    keys.forget()
    blind.forget()
    snapshot.forget()
    done = replay(erased, at=at)
    while bring_up_to_date(_CHANGES, now=datetime.now(UTC)):
        pass
    _tell(found, done)
    unfinished.mark(None)
    return done


def _tell(found: Manifest, done: Replayed) -> None:
    details = {"made_at": found.made_at, **asdict(done)}
    with transaction.atomic():
        audit.record("backup.restored", by=BY, object=("backup", found.id), details=details)
    while sequencer.sequence():
        pass


def _fill(program: programs.Program, folder: Path, part: str, found: Manifest, jobs: int, progress: Progress) -> None:
    database, expected = settings.DATABASES[reading.ALIASES[part]], found.databases[part]
    with reading.connect(database) as connection:
        connection.execute(_WIPE)
    sizes = expected["bytes"]
    progress.begin(part, sum(sizes.values()))
    arguments = ["--no-owner", f"--jobs={jobs}", "--verbose", str(folder / part)]
    programs.run(program, arguments, database, table_done=lambda table: progress.advance(sizes.get(table, 0)))
    with reading.connect(database, autocommit=True) as connection:
        rows = reading.counts(connection)
        wrong = sorted(
            table for table in rows.keys() | expected["rows"].keys() if rows.get(table) != expected["rows"].get(table)
        )
        if wrong:
            raise BackupError(
                f"After the restore these tables have other numbers of rows than the backup: {', '.join(wrong)}."
            )
        connection.execute("ANALYZE")
