"""Setting an installation up again after it was stopped."""

import pytest
from django.db import IntegrityError, connections

from cdp.operations.setup import migrate


@pytest.mark.usefixtures("clean")
def test_an_index_that_was_being_built_is_no_hindrance() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE half (n int)")
        cursor.execute("INSERT INTO half VALUES (1), (1)")
        with pytest.raises(IntegrityError):
            cursor.execute("CREATE UNIQUE INDEX CONCURRENTLY half_n ON half (n)")  # leaves what a stopped one leaves
        cursor.execute("CREATE INDEX whole_n ON half (n)")
    migrate(lambda line: None)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'half'")
        assert cursor.fetchall() == [("whole_n",)]
        cursor.execute("DROP TABLE half")
