"""AES-256-GCM (NIST SP 800-38D) with a header that names the format and the epoch."""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
VERSION = 1
_HEAD, _NONCE, _TAG = 3, 12, 16  # version (1) and epoch (2, big endian); 96-bit nonce; 128-bit tag
_BODY = _HEAD + _NONCE


class Unsealable(Exception):
    """The bytes are not a value sealed under this key for this place. Says nothing of what they are."""


class Key:
    """A 256-bit key in memory.

    Nonces are random, so one key seals at most 2^32 values (SP 800-38D, 8.3): a record's key and a day's inbox key stay
    far below. They are drawn one by one: a buffer of them would be copied by fork, and a nonce used twice betrays all.
    """

    __slots__ = ("_aes", "_head", "epoch", "raw")

    def __init__(self, raw: bytes, epoch: int) -> None:
        self.raw = raw
        self._aes: AESGCM | None = None
        self._head = bytes((VERSION,)) + epoch.to_bytes(2, "big")
        self.epoch = epoch

    def __repr__(self) -> str:
        return f"<Key of epoch {self.epoch}>"

    def __reduce__(self) -> str:
        raise TypeError("a key in clear leaves no process")

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """`version|epoch|nonce|ciphertext|tag`: 31 bytes longer. Header and `aad` are authenticated."""
        aes = self._aes
        if aes is None:
            aes = self._aes = AESGCM(self.raw)
        nonce = os.urandom(_NONCE)
        head = self._head
        return head + nonce + aes.encrypt(nonce, plaintext, head + aad)

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """The plaintext; raises Unsealable when one bit of header, ciphertext or `aad` differs from what was sealed."""
        sealed = bytes(sealed)
        if len(sealed) < _BODY + _TAG or sealed[0] != VERSION:
            raise Unsealable("not a sealed value of a known version")
        aes = self._aes
        if aes is None:
            aes = self._aes = AESGCM(self.raw)
        try:
            # The header's epoch is the one at sealing; a key that was since rewrapped still opens it.
            return aes.decrypt(sealed[_HEAD:_BODY], sealed[_BODY:], sealed[:_HEAD] + aad)
        except InvalidTag:
            raise Unsealable("sealed under another key or for another place, or altered") from None

    def derive(self, label: str) -> bytes:
        """A 32-byte key for another use than sealing: HKDF-Expand (RFC 5869, 2.3), first block."""
        return hmac.digest(self.raw, label.encode() + b"\x01", "sha256")
