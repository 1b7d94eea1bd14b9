"""What must be true before a restore may change anything."""

from collections.abc import Collection
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from cdp.operations.backups import reading, unfinished
from cdp.operations.backups.manifest import Manifest
from cdp.operations.backups.programs import BackupError
from cdp.vault import journal, keyring
from cdp.vault.journal import Journal

# Where the first row of an installation that is in use appears.
_IN_USE = ("sources_source", "events_inbox", "events_event", "identity_record", "auth_user", "vault_datakey")
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
"""


def in_use() -> bool:
    """Whether the databases hold more than the migrations put there. A restore that was interrupted does not count."""
    if unfinished.backup_id():
        return False
    for alias in reading.ALIASES.values():
        with reading.connect(settings.DATABASES[alias]) as connection:
            for table in set(_IN_USE) & set(reading.tables(connection)):
                if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))).fetchone():
                    return True
    return False


def check(manifest: Manifest) -> None:
    """Raises BackupError, or KeyringError: roles, migrations and keys of the backup must be at home here, and nobody else
    at work on the databases."""
    here = {name: settings.DATABASES[alias]["USER"] for name, alias in unfinished.ROLES.items()}
    if manifest.roles != here:
        raise BackupError(
            f"The backup's rows belong to the roles {_listed(manifest.roles)}, this installation has {_listed(here)}. "
            "Provision it with the backup's role names (docs/operations.md), then restore."
        )
    _check_migrations(manifest)
    _check_keyring(manifest)
    for alias in reading.ALIASES.values():
        with reading.connect(settings.DATABASES[alias]) as connection:
            others = connection.execute(_OTHERS).fetchone()
        if others and others[0]:
            raise BackupError(
                f"Others are connected to the database {connection.info.dbname} ({others[0]}): stop `up`, `serve`, `worker` "
                "and `beat`, and whoever else it is, then restore."
            )


def read_journals(manifest: Manifest, paths: Collection[Path], *, without: bool) -> Journal:
    """The journals' content. Raises BackupError when they are not of this backup's installation, unless `without`.

    The installation's own journal is always among them where it exists."""
    own = Path(settings.ERASURE_JOURNAL)
    found = journal.read([*paths, *([own] if own.exists() and own not in paths else [])])
    if manifest.id not in found.backups and not without:
        raise BackupError(
            f"The erasure journal ({', '.join(map(str, paths or [own]))}) does not know this backup, so it cannot tell who was "
            "erased after it was taken: they would come back. Copy the journal of the installation that made the backup to "
            f"{own}, or name it with --journal. Only if nobody was erased since then: --without-journal."
        )
    return found


def _check_migrations(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    unknown = {name for part in manifest.databases.values() for name in part["migrations"]} - known
    if unknown:
        raise BackupError(
            f"The backup is of a newer or another version ({manifest.version}): this one does not know "
            f"{', '.join(sorted(unknown)[:3])}. Install the version that made it."
        )


def _check_keyring(manifest: Manifest) -> None:
    held = {str(number): keyring.key_id(kek) for number, kek in keyring.read(Path(settings.KEYRING)).items()}
    missing = [number for number, key_id in manifest.epochs.items() if held.get(number) != key_id]
    if missing:
        raise BackupError(
            f"The keyring {settings.KEYRING} is not the one of this backup (epoch {', '.join(missing)}). Put the keyring that "
            "was in use when it was taken there, or point KEYRING to it: nothing else opens the backup."
        )


def _listed(roles: dict[str, str]) -> str:
    return ", ".join(roles.values())
