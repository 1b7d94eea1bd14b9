"""UUID arrays as PostgreSQL's array literals: psycopg's general dumper costs ten times as much per element."""

from collections.abc import Iterable
from uuid import UUID


def uuids(ids: Iterable[UUID]) -> str:
    """The literal of a uuid[]; write the parameter as `%s::uuid[]`."""
    return "{" + ",".join([id.hex for id in ids]) + "}"
