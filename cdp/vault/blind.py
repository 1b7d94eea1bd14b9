"""Blind indexes: equality search for values that are never stored in clear (04).

`HMAC-SHA256(key[kind], kind NUL value)`, the first 128 bits. Each kind of value has a key of its own, so that an e-mail
address and a user id that read the same do not look the same. Never for values of which there are few.
"""

import hmac
from collections.abc import Sequence
from uuid import UUID

from cdp.vault import keys
from cdp.vault.remembered import Remembered

_kinds: Remembered[str, bytes] = Remembered(1_000, keys.SECONDS)


def index(kind: str, normalised: str) -> UUID:
    """The digest of one normalised value."""
    return UUID(bytes=hmac.digest(_key(kind), f"{kind}\0{normalised}".encode(), "sha256")[:16])


def index_many(kind: str, values: Sequence[str]) -> list[UUID]:
    """The digests of many values of one kind, in their order."""
    key, digest, prefix = _key(kind), hmac.digest, kind.encode() + b"\0"
    return [UUID(bytes=digest(key, prefix + value.encode(), "sha256")[:16]) for value in values]


def forget() -> None:
    """Drops the remembered keys."""
    _kinds.clear()


def _key(kind: str) -> bytes:
    key = _kinds.get(kind)
    if key is None:
        key = keys.system(f"blind:{kind}").derive("blind index")
        _kinds.put({kind: key})
    return key
