"""Commits that need not wait for the disk."""

from django.db import connection


def do_not_wait() -> None:
    """Until the end of the caller's transaction: its commit does not wait until the log is on disk. For what would be done
    again, whole, should it be lost with the server (docs/decisions/0011)."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
