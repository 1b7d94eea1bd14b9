"""Statements of the hot paths: planned once per connection, several in one round trip.

Django's own cursor writes the values into the text of a statement, so that PostgreSQL parses and plans it every time, and
waits for each answer before it sends the next. Here statements are prepared, and several travel together. Values come back in
binary form: `jsonb` must be selected as `::text`. Behind a pooler that shares connections among transactions, it must know
prepared statements (PgBouncer 1.21 with `max_prepared_statements`).
"""

import time
from collections.abc import Sequence
from typing import Any

from django.db import connections

from cdp.database.statements import Rows, Statement

__all__ = ["Rows", "Statement", "execute", "together"]


def together(*statements: Statement, using: str = "default") -> list[Rows]:
    """The rows of each statement, in one round trip. In the caller's transaction, or each for itself without one: then
    they need not see one state of the database. Raises django.db.Error."""
    django: Any = connections[using]
    django.close_if_health_check_failed()
    django.ensure_connection()
    if django.in_atomic_block:
        django.validate_no_broken_transaction()
    began = time.monotonic()
    with django.wrap_database_errors:
        found: list[Rows] = django.statements.run(statements)
    if django.queries_logged:
        log = {"sql": "; ".join(sql for sql, _ in statements), "time": f"{time.monotonic() - began:.3f}"}
        django.queries_log.append(log)
    return found


def execute(sql: str, params: Sequence[Any], *, using: str = "default") -> None:
    """One prepared statement without an answer, in the caller's transaction. Raises django.db.Error."""
    together((sql, params), using=using)
