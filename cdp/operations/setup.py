"""Brings a database to the state that this version of the code expects. Safe to run at every start and by many at once."""

from collections.abc import Callable

from django.core.management import call_command
from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor

from cdp.access.roles import ensure_roles
from cdp.operations.backups import unfinished

_LOCK = 7_042
_HALF_BUILT = """
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relkind = 'i' AND pg_get_userbyid(c.relowner) = current_user
AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""


def set_up(report: Callable[[str], None]) -> None:
    """Migrates both databases as their owners and makes the roles. Raises what the migrations raise, and BackupError on an
    installation whose restore was interrupted."""
    unfinished.refuse()
    migrate(report)


def unapplied() -> list[str]:
    """The migrations of this version that the databases do not have yet, as `app.name`."""
    missing = []
    for alias in ("vault", "owner"):
        executor = MigrationExecutor(connections[alias])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        missing += [
            f"{migration.app_label}.{migration.name}"
            for migration, _ in plan
            if router.allow_migrate(alias, migration.app_label)
        ]
        connections[alias].close()
    return missing


def migrate(report: Callable[[str], None]) -> None:
    """The same, whatever state the installation is in."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # two commands may start at once
        try:
            for alias in ("vault", "owner"):
                report(f"database {alias}: migrating")
                _drop_half_built(alias)
                call_command("migrate", database=alias, verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    connections["owner"].close()
    ensure_roles()


def _drop_half_built(alias: str) -> None:
    """Drops what is left of indexes that were being built when a migration was stopped: nothing uses them, and the migration,
    run again, would find their names taken."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_HALF_BUILT)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
