"""Prepared statements in one round trip: rows, transactions, errors, and connections that are lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from cdp.database import statements
from cdp.database.together import driver, execute, together

ONE = ("SELECT 1", ())
INSERT = "INSERT INTO pg_temp.kept VALUES (%s)"
COUNT = ("SELECT count(*)::int FROM pg_temp.kept", ())


@pytest.fixture
def table(transactional_db: None) -> Iterator[None]:
    """A table of this connection."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept (name text UNIQUE)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE pg_temp.kept")


@pytest.mark.django_db
def test_values_of_every_kind_go_and_come_back() -> None:
    id, at = uuid4(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    values = [id, at, b"\0\xff", "ä%s", 1, 2**40, 1.5, None, True]
    kinds = ["uuid", "timestamptz", "bytea", "text", "int", "bigint", "float8", "text", "bool"]
    sql = f"SELECT {', '.join(f'%s::{kind}' for kind in kinds)}, '%%', '{{}}'::jsonb::text"
    for _ in range(3):
        assert together(
            (sql, values), ("SELECT x FROM generate_series(1, %s) x", [3]), ("SELECT 1 WHERE false", ())
        ) == [
            [(*values, "%", "{}")],
            [(1,), (2,), (3,)],
            [],
        ]
    assert together(("SELECT %s::bigint[]", [[1, 2**40]]), ("SELECT %s::int", [2**20])) == [[([1, 2**40],)], [(2**20,)]]


@pytest.mark.django_db
def test_more_than_the_buffers_of_both_sides_hold() -> None:
    large = b"x" * 20_000_000
    assert together(*[("SELECT %s::bytea", [large])] * 3) == [[(large,)]] * 3


@pytest.mark.usefixtures("table")
def test_the_first_error_is_raised_and_the_connection_goes_on() -> None:
    with pytest.raises(DataError):
        together(ONE, ("SELECT 1 / %s::int", [0]), ("SELECT 3", ()))
    with pytest.raises(ProgrammingError):
        together(("SELECT nothing", ()), ("SELECT 3", ()))
    with pytest.raises(IntegrityError):  # what travels together without a transaction stands or falls together
        together((INSERT, ["a"]), (INSERT, ["a"]))
    assert together(ONE, ("SELECT 3", ()), COUNT) == [[(1,)], [(3,)], [(0,)]]


@pytest.mark.usefixtures("table")
def test_in_a_transaction_also_as_its_first_statement() -> None:
    def broken() -> None:
        with transaction.atomic():
            execute(INSERT, ["gone"])
            assert together(COUNT) == [[(1,)]]
            execute(INSERT, ["gone"])
            with pytest.raises(IntegrityError):
                together(COUNT)
            together(COUNT)

    with pytest.raises(InternalError):
        broken()
    assert together(COUNT) == [[(0,)]]
    with transaction.atomic():
        execute(INSERT, ["kept"])
        with pytest.raises(IntegrityError), transaction.atomic():
            execute(INSERT, ["kept"])
        assert together(COUNT) == [[(1,)]]
    assert together(COUNT) == [[(1,)]]


@pytest.mark.usefixtures("table")
def test_what_waits_goes_before_anything_else_and_with_the_commit() -> None:
    with transaction.atomic():
        for number in range(120):
            execute(INSERT, [f"one {number}"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_temp.kept")
            assert cursor.fetchone() == (120,)
        execute(INSERT, ["two"])
        with connection.cursor() as cursor, cursor.copy("COPY pg_temp.kept FROM STDIN") as copy:
            copy.write_row(("three",))
        execute(INSERT, ["four"])
        assert driver().execute("SELECT count(*) FROM pg_temp.kept").fetchone() == (123,)
        execute(INSERT, ["five"])
    assert together(COUNT) == [[(124,)]]
    with pytest.raises(IntegrityError):
        _insert("six", "five")  # known only at the commit
    assert together(COUNT) == [[(124,)]]
    execute(INSERT, ["alone"])
    with pytest.raises(IntegrityError):
        execute(INSERT, ["alone"])
    assert together(COUNT) == [[(125,)]]


@transaction.atomic
def _insert(*names: str, within: str = "", fault: type[Exception] | None = None) -> None:
    for name in names:
        execute(INSERT, [name])
    if within:
        _insert(within)
    if fault:
        raise fault


@pytest.mark.usefixtures("table")
def test_what_waits_falls_with_its_transaction_or_savepoint() -> None:
    with pytest.raises(ZeroDivisionError):
        _insert("gone", fault=ZeroDivisionError)
    with transaction.atomic():
        execute(INSERT, ["outer"])
        with pytest.raises(ZeroDivisionError):
            _insert("inner", fault=ZeroDivisionError)
        _insert("second")
    with pytest.raises(ZeroDivisionError):
        _insert("third", within="fourth", fault=ZeroDivisionError)
    assert together(("SELECT name FROM pg_temp.kept ORDER BY 1", ())) == [[("outer",), ("second",)]]
    with transaction.atomic():
        execute(INSERT, ["lost"])
        connection.close()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept (name text UNIQUE)")
    assert together(COUNT) == [[(0,)]]


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_an_error_once() -> None:
    together(ONE)
    with pytest.raises(OperationalError):
        together(("SELECT pg_terminate_backend(pg_backend_pid())", ()))
    connection.close()
    assert together(ONE) == [[(1,)]]


@pytest.mark.django_db(transaction=True)
def test_an_interrupt_leaves_no_half_read_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    together(ONE)

    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(statements.Statements, "_result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            together(ONE)
    assert connection.connection.closed
    connection.close()
    assert together(("SELECT 2", ())) == [[(2,)]]


@pytest.mark.django_db
def test_what_is_prepared_is_bounded_and_known_to_both_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "_MOST", 5)
    for number in range(20):
        assert together((f"SELECT {number}", ())) == [[(number,)]]
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", [number])
            assert cursor.fetchone() == (number,)
    [(held,)] = together(("SELECT count(*) FROM pg_prepared_statements", ()))[0]
    assert held <= 8


@pytest.mark.django_db
def test_ids_are_ids() -> None:
    [[(found,)]] = together(("SELECT gen_random_uuid()", ()))
    assert isinstance(found, UUID)
