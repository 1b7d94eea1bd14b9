"""Statements of the hot paths: planned once per connection, several in one round trip.

Django's own cursor writes the values into the text of a statement, so that PostgreSQL parses and plans it every time, and
waits for each answer before it sends the next. Here statements are prepared, several travel together, and those without an
answer wait for the next one or the commit (cdp/database/base.py). Values come back in
binary form: `jsonb` must be selected as `::text`. Behind a pooler that shares connections among transactions, it must know
prepared statements (PgBouncer 1.21 with `max_prepared_statements`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from cdp.database.statements import Rows, Statement

if TYPE_CHECKING:
    import psycopg

    from cdp.database.base import DatabaseWrapper

__all__ = ["Rows", "Statement", "driver", "execute", "together"]


def together(*statements: Statement, using: str = "default") -> list[Rows]:
    """The rows of each statement, in one round trip. In the caller's transaction, or each for itself without one: then
    they need not see one state of the database. Raises django.db.Error."""
    return _ready(using).run(statements)


def execute(sql: str, params: Sequence[Any], *, using: str = "default") -> None:
    """One prepared statement without an answer. In a transaction it travels with the next statement or the commit, which is
    where its django.db.Error is raised; what it is given must not be altered afterwards."""
    _ready(using).later((sql, params))


def driver(using: str = "default") -> "psycopg.Connection[Any]":
    """psycopg's own connection, with nothing waiting. Errors of its methods are psycopg's."""
    django = _ready(using)
    django.send()
    return cast("psycopg.Connection[Any]", django.connection)


def _ready(using: str) -> "DatabaseWrapper":
    django = cast("DatabaseWrapper", connections[using])
    django.close_if_health_check_failed()
    django.ensure_connection()
    if django.in_atomic_block:
        django.validate_no_broken_transaction()
    return django
