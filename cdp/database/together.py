"""Statements of the hot paths: planned once per connection, several in one round trip.

Django's own cursor writes the values into the text of a statement, so that PostgreSQL parses and plans it every time, and
waits for each answer before it sends the next. Here statements are prepared, and several travel together (libpq's pipeline
mode). Values come back in binary form: `jsonb` must be selected as `::text`. Behind a pooler that shares connections among
transactions, it must know prepared statements (PgBouncer 1.21 with `max_prepared_statements`).
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from django.db import connections

Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]


def together(*statements: Statement, using: str = "default") -> list[Rows]:
    """The rows of each statement, in one round trip. In the caller's transaction, or each for itself without one: then
    they need not see one state of the database. Raises django.db.Error."""
    with _connection(using, statements) as connection:
        if len(statements) == 1:
            return [_execute(connection, statements[0]).fetchall()]
        with connection.pipeline():
            sent = [_execute(connection, statement) for statement in statements]
        return [cursor.fetchall() for cursor in sent]


def execute(sql: str, params: Sequence[Any], *, using: str = "default") -> None:
    """One prepared statement without an answer, in the caller's transaction. Raises django.db.Error."""
    with _connection(using, ((sql, params),)) as connection:
        _execute(connection, (sql, params))


def _execute(connection: Any, statement: Statement) -> Any:
    # `binary`: numbers, ids, times and bytes are read without being spelt out first.
    return psycopg.Cursor(connection).execute(statement[0], statement[1], prepare=True, binary=True)


@contextlib.contextmanager
def _connection(using: str, statements: Sequence[Statement]) -> Iterator[Any]:
    """Psycopg's connection behind Django's, checked as Django's own cursor checks it."""
    django = connections[using]
    django.close_if_health_check_failed()
    django.ensure_connection()
    if django.in_atomic_block:
        django.validate_no_broken_transaction()
    connection = django.connection
    connection.prepare_threshold = 0  # Django sets None, which forbids preparing even where it is asked for
    began = time.monotonic()
    with django.wrap_database_errors:
        yield connection
    if django.queries_logged:
        log = {"sql": "; ".join(sql for sql, _ in statements), "time": f"{time.monotonic() - began:.3f}"}
        django.queries_log.append(log)
