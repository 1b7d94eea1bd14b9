"""Django's PostgreSQL backend (the ENGINE of settings), with prepared statements (`together`) and a cheaper health check.

Django asks every kept connection `SELECT 1` at the first query of every request: a round trip that finds something once a
year. A server that ends a connection says so, or closes the socket: in both cases the socket is readable though nobody
asked anything. Only then is the connection asked for real.
"""

import select
from typing import Any

from django.db.backends.postgresql import base

from cdp.database.statements import Statements

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
        return connection

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
