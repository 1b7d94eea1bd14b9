"""The key-encryption keys in use: what the keyring holds, agreed with what the vault says it needs."""

import threading
from pathlib import Path

from django.conf import settings
from django.db import connections

from cdp.vault import keyring
from cdp.vault.cipher import Key
from cdp.vault.keyring import KeyringError
from cdp.vault.routing import VAULT

_lock = threading.Lock()
_keks: dict[int, Key] = {}
_current: Key | None = None

_FIRST = """
INSERT INTO vault_epoch (number, provider, key_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""


def current() -> Key:
    """The KEK under which new keys are wrapped: the latest epoch's. The first epoch is made on first use.

    Raises KeyringError when keyring and vault do not belong together; never makes a new key to get past that."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = _agree()
    return _current


def kek(number: int) -> Key:
    """The KEK of an epoch. Raises KeyringError when the keyring lacks it."""
    current()
    found = _keks.get(number)
    if found is None:
        with _lock:
            _agree()
        found = _keks.get(number)
    if found is None:
        raise _lacks(number)
    return found


def forget() -> None:
    """Drops what this process remembers of keyring and epochs."""
    global _current
    with _lock:
        _keks.clear()
        _current = None


def _agree() -> Key:
    """Compares every living epoch of the vault with the keyring and returns the latest."""
    path = Path(settings.KEYRING)
    keyring.check_place(path, Path(settings.DATA_DIR), allowed_inside=settings.KEYRING_INSIDE_DATA_DIR)
    epochs = _living()
    if not epochs:
        first = keyring.ensure(path)
        number = max(first)
        with connections[VAULT].cursor() as cursor:
            cursor.execute(_FIRST, [number, keyring.PROVIDER, keyring.key_id(first[number])])
        epochs = _living()  # of two processes one has inserted; both obey the row
    held = keyring.read(path)
    for number, key_id in epochs.items():
        if number not in held:
            raise _lacks(number)
        if keyring.key_id(held[number]) != key_id:
            raise KeyringError(
                f"The keyring {path} belongs to another vault: its key of epoch {number} is not "
                f"the one with id {key_id}. Restore the keyring made with this vault, or point KEYRING to it."
            )
    _keks.update({number: held[number] for number in epochs})
    return held[max(epochs)]


def _living() -> dict[int, str]:
    with connections[VAULT].cursor() as cursor:
        cursor.execute("SELECT number, key_id FROM vault_epoch WHERE destroyed_at IS NULL")
        return dict(cursor.fetchall())


def _lacks(number: int) -> KeyringError:
    return KeyringError(
        f"The vault has keys of epoch {number}, but the keyring {settings.KEYRING} has no key of that epoch. "
        "Restore the keyring from its backup, or point KEYRING to it: nothing else opens these keys."
    )
