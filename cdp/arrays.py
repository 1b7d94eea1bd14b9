"""Python lists as PostgreSQL's array literals, whole columns at a time.

Set-based SQL hands the database arrays of thousands of elements. psycopg's dumper asks of each element which quotes it
needs; where all elements are of one plain type that is known beforehand, which costs a tenth (tests/test_arrays.py shows that
both come to the same)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.types.array import ListDumper

_NONE = type(None)


def uuids(ids: Iterable[UUID]) -> str:
    """The literal of a uuid[], for what is no list; write the parameter as `%s::uuid[]`."""
    return "{" + ",".join([id.hex for id in ids]) + "}"


def _texts(values: list[Any]) -> list[str]:
    escaped = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return [f'"{value}"' for value in escaped]


# Element type -> the elements as they stand in a literal. Exactly these types: a subclass may want to be written otherwise.
_WRITERS: dict[type, Callable[[list[Any]], list[str]]] = {
    UUID: lambda values: [value.hex for value in values],
    str: _texts,
    int: lambda values: list(map(str, values)),
    bool: lambda values: ["t" if value else "f" for value in values],
    datetime: lambda values: [f'"{value}"' for value in values],
    bytes: lambda values: [f'"\\\\x{value.hex()}"' for value in values],
}


class PlainListDumper(ListDumper):
    """Dumps lists of one plain type, with or without nulls, by joining; all others as psycopg does."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        """The array literal."""
        kinds = set(map(type, obj))
        nulls = _NONE in kinds
        kinds.discard(_NONE)
        if len(kinds) != 1 or (write := _WRITERS.get(kinds.pop())) is None:
            return super().dump(obj)
        if not nulls:
            return ("{" + ",".join(write(obj)) + "}").encode()
        written = iter(write([value for value in obj if value is not None]))
        return ("{" + ",".join(["NULL" if value is None else next(written) for value in obj]) + "}").encode()


def register() -> None:
    """From now on, every new connection of this process writes lists so."""
    psycopg.adapters.register_dumper(list, PlainListDumper)
