"""What a database holds: versions, migrations, tables."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from cdp.operations.backups.programs import BackupError, parameters

# Which of Django's databases a part of a backup is read and written through: as the owner of its tables.
ALIASES = {"main": "owner", "vault": "vault"}
# Rows of sessions are keys to the admin, in clear: a copy of them would let its reader in.
NOT_KEPT = ("django_session",)

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1
"""
_SIZES = """
SELECT relname, pg_table_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relname = ANY(%s)
"""


def connect(database: Mapping[str, Any], **options: Any) -> "psycopg.Connection[Any]":
    """A connection of its own. Raises BackupError when the server does not let us in."""
    try:
        return psycopg.connect(**parameters(database), application_name="cdp backup", **options)
    except psycopg.OperationalError as error:
        raise BackupError(f"The database {database['NAME']} cannot be reached: {error}") from None


def server_major(connection: "psycopg.Connection[Any]") -> int:
    """The server's major version."""
    return connection.info.server_version // 10_000


def tables(connection: "psycopg.Connection[Any]") -> list[str]:
    """Tables without those that are parts of another."""
    return [row[0] for row in connection.execute(_TABLES)]


def sizes(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """Bytes of every table whose rows are dumped, parts of tables each by itself."""
    return dict(connection.execute(_SIZES, [list(NOT_KEPT)]).fetchall())


def counts(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """Rows of every table whose rows are kept."""
    result = {}
    for table in tables(connection):
        if table not in NOT_KEPT:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            result[table] = int(row[0]) if row else 0
    return result


def migrations(connection: "psycopg.Connection[Any]") -> list[str]:
    """The migrations that this database has, as `app.name`; none before the first `setup`."""
    if "django_migrations" not in tables(connection):
        return []
    return [
        f"{app}.{name}" for app, name in connection.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")
    ]


def epochs(vault: "psycopg.Connection[Any]") -> dict[str, str]:
    """The living epochs of the vault: number -> id of its key in the keyring."""
    rows = vault.execute("SELECT number, key_id FROM vault_epoch WHERE destroyed_at IS NULL ORDER BY 1")
    return {str(number): key_id for number, key_id in rows}
