"""Law: a list is written as psycopg writes it, and comes back from the database as it was."""

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.array import ListDumper

from cdp.arrays import PlainListDumper

pytestmark = pytest.mark.django_db

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    ["", "NULL", "null", "{", '"', "\\", ",", "a b", "'", '\\"', "\n"]
)
MOMENT = st.integers(-(10**9) * 2, 4 * 10**9).map(
    lambda seconds: datetime.fromtimestamp(seconds + 0.25, timezone(timedelta(hours=seconds % 25 - 12, minutes=30)))
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids(), "text": TEXT, "bigint": st.integers(-(2**63), 2**63 - 1), "boolean": st.booleans(),
    "timestamptz": MOMENT, "bytea": st.binary(),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(KINDS[kind] | st.none(), max_size=20))
    def comes_back(values: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT %s::{kind}[]", [values])
            (found,) = cursor.fetchone()
        assert [bytes(it) if isinstance(it, memoryview) else it for it in found] == values

    comes_back()


@given(st.lists(TEXT | st.none() | st.integers() | st.lists(st.integers(), max_size=2), max_size=5))
def test_what_is_not_plain_is_left_to_psycopg(values: list[Any]) -> None:
    ours, theirs = PlainListDumper(list), ListDumper(list)
    if len({type(it) for it in values} - {type(None)}) != 1 or any(isinstance(it, list) for it in values):
        assert ours.dump(values) == theirs.dump(values)


def test_every_connection_uses_it() -> None:
    connection.ensure_connection()
    dumper = connection.connection.adapters.get_dumper(list, psycopg.adapt.PyFormat.TEXT)
    assert dumper is PlainListDumper
    assert UUID(int=0).hex.encode() in bytes(PlainListDumper(list).dump([UUID(int=0)]) or b"")
