"""Django's PostgreSQL backend (the ENGINE of settings), with prepared statements (`together`) and a cheaper health check.

Statements whose answer nobody reads wait until the next one, or the commit, and travel with it: on a short transaction half of
the time is the way to the server and back. Whatever else uses the connection sends them first.

Django asks every kept connection `SELECT 1` at the first query of every request: a round trip that finds something once a
year. A server that ends a connection says so, or closes the socket: in both cases the socket is readable though nobody
asked anything. Only then is the connection asked for real.
"""

import select
import time
from collections.abc import Sequence
from typing import Any, cast

from django.db.backends.postgresql import base

from cdp.database.statements import Rows, Statement, Statements

_MOST_WAITING = 50
_COMMIT: Statement = ("COMMIT", ())
_SIGNS = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


class DatabaseWrapper(base.DatabaseWrapper):
    """See above."""

    health_check_enabled: bool
    health_check_done: bool
    statements: Statements

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, and its prepared statements."""
        connection = super().get_new_connection(conn_params)
        self.statements = Statements(connection)
        self.waiting: list[Statement] = []
        return connection

    def run(self, statements: Sequence[Statement]) -> list[Rows]:
        """The rows of each statement, after those that wait. See `Statements.run`."""
        waiting, self.waiting = self.waiting, []
        sent = [*waiting, *statements]
        began = time.monotonic()
        with self.wrap_database_errors:
            found = self.statements.run(sent)
        if self.queries_logged:
            log = {"sql": "; ".join(sql for sql, _ in sent), "time": f"{time.monotonic() - began:.3f}"}
            self.queries_log.append(log)
        return found[len(waiting) :]

    def later(self, statement: Statement) -> None:
        """Runs a statement before anything else that is asked of the connection, at the commit at the latest."""
        self.waiting.append(statement)
        if not self.in_atomic_block or len(self.waiting) >= _MOST_WAITING:
            self.send()

    def send(self) -> None:
        """Runs what waits. Raises django.db.Error, also of what was asked before."""
        if self.connection is not None and self.waiting:
            self.run(())

    def _cursor(self, name: Any = None) -> Any:
        self.send()
        return cast(Any, super())._cursor(name)

    def _commit(self) -> None:
        if self.connection is not None and self.waiting:
            self.run([_COMMIT])
        else:
            cast(Any, super())._commit()

    def _rollback(self) -> None:
        self._drop()
        cast(Any, super())._rollback()

    def _savepoint_rollback(self, sid: str) -> None:
        self._drop()  # what waits was asked after the savepoint, for making one sends what waited
        cast(Any, super())._savepoint_rollback(sid)

    def _close(self) -> None:
        self._drop()
        cast(Any, super())._close()

    def _drop(self) -> None:
        if self.connection is not None:
            self.waiting = []

    def init_connection_state(self) -> None:
        """Prepared statements are planned once for all values. PostgreSQL would else plan most of them at every call, for the
        sake of a list's length: about half of its work on a short read."""
        super().init_connection_state()
        self.connection.execute("SET plan_cache_mode = force_generic_plan")

    def close_if_health_check_failed(self) -> None:
        """Closes a connection that the server has ended, so that the next query opens another."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        if self.connection.closed or self._heard():
            super().close_if_health_check_failed()
        else:
            self.health_check_done = True

    def _heard(self) -> bool:
        """Has the server said something unasked?"""
        poll = select.poll()
        poll.register(self.connection.fileno(), _SIGNS)
        return bool(poll.poll(0))
