"""Prepared statements of one connection, several in one round trip, straight through libpq's pipeline mode.

psycopg's cursors do the same, but build a cursor, a transformer and a chain of generators for each statement: on a short read
that costs more than PostgreSQL's answer. See https://www.postgresql.org/docs/current/libpq-pipeline-mode.html.
"""

import itertools
import select
from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer

Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]

_MOST = 500  # prepared at once; what a rare caller wrote into its text would else gather for as long as the connection lives
_READ = select.POLLIN | select.POLLHUP | select.POLLERR


class Statements:
    """Of a psycopg connection that only this thread uses."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection, self._wire = connection, connection.pgconn
        self._values = Transformer(connection)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._numbers = itertools.count()
        self._poll = select.poll()

    def run(self, statements: Sequence[Statement]) -> list[Rows]:
        """The rows of each statement, in binary form: `jsonb` must be selected as `::text`. Opens the transaction that the
        connection is to be in. Raises psycopg.Error: the first statement's that failed."""
        if len(self._names) > _MOST:
            self._connection.execute("DEALLOCATE ALL")
            self._names.clear()
        parts = [(_numbered(sql), *self._dumped(params)) for sql, params in statements]
        made: dict[tuple[str, tuple[int, ...]], bytes] = {}
        places = []  # of each statement's answer
        try:
            self._wire.enter_pipeline_mode()
            sent = self._begun()
            for sql, values, formats, types in parts:
                name = self._names.get((sql, types)) or made.get((sql, types))
                if name is None:  # prepared right before it is first used: a statement before it may make its table
                    name = made[sql, types] = b"cdp%d" % next(self._numbers)
                    self._wire.send_prepare(name, sql.encode(), types)
                    sent += 1
                self._wire.send_query_prepared(name, values, formats, pq.Format.BINARY)
                places.append(sent)
                sent += 1
            self._wire.pipeline_sync()
            self._sent()
            results, error = self._read(sent)
            self._wire.exit_pipeline_mode()
        except BaseException:
            self._connection.close()  # half an answer may be under way: nobody can use this connection again
            raise
        if error is not None:
            raise error
        self._names.update(made)
        return [results[place] for place in places]

    def _dumped(self, params: Sequence[Any]) -> tuple[Any, Any, tuple[int, ...]]:
        """Values as sent, their formats and types."""
        values = self._values.dump_sequence(params, [PyFormat.AUTO] * len(params))
        return values, self._values.formats, self._values.types or ()

    def _begun(self) -> int:
        """Sends BEGIN where the connection is to be in a transaction and is not yet; how many commands that were."""
        if self._connection.autocommit or self._wire.transaction_status != pq.TransactionStatus.IDLE:
            return 0
        level = self._connection.isolation_level
        text = f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}" if level else "BEGIN"
        self._wire.send_query_params(text.encode(), None)
        return 1

    def _sent(self) -> None:
        """Until all is with the server. What it answers meanwhile is taken in, or both would wait for each other."""
        while self._wire.flush():
            self._poll.register(self._wire.socket, _READ | select.POLLOUT)
            [(_, ready)] = self._poll.poll()
            if ready & _READ:
                self._wire.consume_input()
        self._poll.register(self._wire.socket, _READ)

    def _read(self, commands: int) -> tuple[list[Rows], psycopg.Error | None]:
        """The rows of each command up to the synchronisation point, and what went wrong first."""
        found: list[Rows] = []
        error: psycopg.Error | None = None
        for _ in range(commands):
            result = self._result()
            if result.status == pq.ExecStatus.TUPLES_OK:
                self._values.set_pgresult(result)
                found.append(self._values.load_rows(0, result.ntuples, tuple))
            else:
                found.append([])
                if result.status == pq.ExecStatus.FATAL_ERROR and error is None:
                    error = psycopg.errors.error_from_result(result, encoding=self._values.encoding)
            self._result()  # None: the end of this command
        self._result()  # the synchronisation point
        return found, error

    def _result(self) -> Any:
        while self._wire.is_busy():
            self._poll.poll()
            self._wire.consume_input()
        return self._wire.get_result()


@cache
def _numbered(sql: str) -> str:
    """Placeholders as PostgreSQL writes them: $1 for the first %s."""
    parts = sql.replace("%%", "\0").split("%s")
    return "".join(f"${at}{part}" if at else part for at, part in enumerate(parts)).replace("\0", "%")
