"""The mark of a restore that has not come to its end: while it stands nothing else may use the databases.

It is the comment on the main database, so that every machine of an installation sees it and no dump carries it.
"""

from django.conf import settings
from psycopg import sql

from cdp.operations.backups import reading
from cdp.operations.backups.programs import BackupError

ROLES = {"owner": "owner", "app": "default", "vault": "vault"}  # roles in `provision.sql` -> Django's databases
_PREFIX = "restoring "
_READ = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"


def backup_id() -> str | None:
    """The backup of which a restore was begun and not ended, or None. Raises BackupError when the server is away."""
    with reading.connect(settings.DATABASES["default"]) as connection:
        comment = (connection.execute(_READ).fetchone() or (None,))[0]
    return comment.removeprefix(_PREFIX) if comment and comment.startswith(_PREFIX) else None


def refuse() -> None:
    """Raises BackupError while a restore is unfinished: whom it has not yet erased again would be alive."""
    if backup_id():
        raise BackupError(
            "A restore of this installation was interrupted. Run `manage.py restore` again before anything else."
        )


def mark(backup: str | None) -> None:
    """Sets the mark, or takes it away with None."""
    comment = sql.Literal(None if backup is None else _PREFIX + backup)
    name = sql.Identifier(settings.DATABASES["owner"]["NAME"])
    with reading.connect(settings.DATABASES["owner"]) as connection:
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, comment))
