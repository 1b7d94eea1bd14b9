"""Associated data: what ties a ciphertext to the one place where it may be opened."""

from functools import lru_cache
from uuid import UUID


@lru_cache(maxsize=1024)
def _place(table: str, field: str) -> bytes:
    if "\0" in table or "\0" in field:
        raise ValueError("a table or a field has no NUL in its name")
    return f"{table}\0{field}\0".encode()


def aad(table: str, row: UUID | int | str, field: str) -> bytes:
    """The bytes that name a table, a row and a field; no two places share them.

    The row stands last and is tagged with its type, so that nothing can be shifted from one part into the next.
    """
    if isinstance(row, UUID):
        return _place(table, field) + b"u" + row.bytes
    if isinstance(row, int):
        return _place(table, field) + b"i%d" % row
    return _place(table, field) + b"s" + row.encode()
