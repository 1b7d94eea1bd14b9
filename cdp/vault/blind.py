"""Blind indexes: equality search for values that are never stored in clear (04).

`HMAC-SHA256(key[kind], kind NUL value)`, the first 128 bits. Each kind of value has a key of its own, so that an e-mail
address and a user id that read the same do not look the same. Never for values of which there are few.
"""

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from cdp.vault import keys
from cdp.vault.remembered import Remembered

_BLOCK = 64  # bytes, of SHA-256
_MOST = 50_000  # digests of a kind that are remembered while its key is: the same people come again and again
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class Keyed:
    """HMAC-SHA256 (RFC 2104) with the key's two blocks hashed beforehand: copying them is twice as fast as hashing anew."""

    __slots__ = ("_inner", "_known", "_outer")

    def __init__(self, key: bytes, prefix: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER) + prefix)
        self._outer = hashlib.sha256(block.translate(_OUTER))
        self._known: dict[str, UUID] = {}

    def digests(self, values: Iterable[str]) -> list[UUID]:
        """The first 128 bits of HMAC(key, prefix + value) of each value."""
        inner_copy, outer_copy, number = self._inner.copy, self._outer.copy, int.from_bytes
        known = self._known
        if len(known) > _MOST:
            known = self._known = {}
        result = []
        for value in values:
            digest = known.get(value)
            if digest is None:
                inner = inner_copy()
                inner.update(value.encode())
                outer = outer_copy()
                outer.update(inner.digest())
                digest = known[value] = UUID(int=number(outer.digest()[:16], "big"))
            result.append(digest)
        return result


_kinds: Remembered[str, Keyed] = Remembered(1_000, keys.SECONDS)


def index(kind: str, normalised: str) -> UUID:
    """The digest of one normalised value."""
    return _keyed(kind).digests((normalised,))[0]


def index_many(kind: str, values: Sequence[str]) -> list[UUID]:
    """The digests of many values of one kind, in their order."""
    return _keyed(kind).digests(values)


def forget() -> None:
    """Drops the remembered keys."""
    _kinds.clear()


def _keyed(kind: str) -> Keyed:
    keyed = _kinds.get(kind)
    if keyed is None:
        keyed = Keyed(keys.system(f"blind:{kind}").derive("blind index"), kind.encode() + b"\0")
        _kinds.put({kind: keyed})
    return keyed
