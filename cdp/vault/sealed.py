"""Structured values under a key: MessagePack of plain JSON types, sealed."""

from typing import Any

import msgspec

from cdp.vault.cipher import Key, Unsealable

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def seal(key: Key, value: Any, *, aad: bytes) -> bytes:
    """Seals dicts, lists, text, numbers, booleans and None."""
    return key.seal(_encode(value), aad=aad)


def unseal(key: Key, sealed: bytes, *, aad: bytes) -> Any:
    """The value that was sealed. Raises Unsealable."""
    plaintext = key.open(sealed, aad=aad)
    try:
        return _decode(plaintext)
    except msgspec.DecodeError:
        # `from None`: what was opened must not show in a traceback.
        raise Unsealable("opened, but not a structured value") from None
