"""The connection: reads that share a round trip, and a server that ended a connection behind our back."""

from uuid import uuid4

import pytest
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext

from cdp.database.together import execute, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_statements_share_a_round_trip_and_keep_their_order() -> None:
    one = uuid4()
    with CaptureQueriesContext(connection) as trips:
        found = together(
            ("SELECT %s::uuid, '{}'::jsonb::text", [one]),
            ("SELECT n FROM generate_series(1, %s::int) n", [3]),
            ("SELECT 1 WHERE false", []),
        )
    assert found == [[(one, "{}")], [(1,), (2,), (3,)], []]
    assert len(trips) == 1


def test_a_statement_that_fails_fails_as_in_django_and_leaves_the_connection_usable() -> None:
    for statements in ([("SELECT 1/0", [])], [("SELECT 1", []), ("SELECT 1/0", [])]):
        with pytest.raises(Error):
            together(*statements)
        assert together(("SELECT 1", [])) == [[(1,)]]


def test_it_is_part_of_the_caller_s_transaction() -> None:
    with transaction.atomic():
        execute("CREATE TEMP TABLE passing (n int)", [])
        assert together(("SELECT count(*) FROM passing", [])) == [[(0,)]]
        transaction.set_rollback(True)
    assert together(("SELECT to_regclass('passing')::text", [])) == [[(None,)]]


def test_a_connection_that_the_server_ended_is_replaced_at_the_next_request() -> None:
    """As after a restart of PostgreSQL: the first request must not be the one that finds out."""
    connection.ensure_connection()
    before = connection.connection.info.backend_pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    other.close()
    connection.close_if_unusable_or_obsolete()  # what Django does between requests
    assert together(("SELECT pg_backend_pid()", [])) != [[(before,)]]
