"""The local key provider: a file that holds the key-encryption key (KEK) of each epoch, and nothing else.

The file is made at first start, readable by its owner only, outside DATA_DIR: a copy of the data never holds its keys.
"""

import base64
import json
import os
import secrets
import stat
from pathlib import Path

from cdp.vault.cipher import KEY_BYTES, Key

PROVIDER = "local"
_FORMAT = 1


class KeyringError(Exception):
    """The keyring cannot be used; the message names the file and the remedy."""


def key_id(kek: Key) -> str:
    """A public name for a KEK, by which a vault recognises that the keyring is its own."""
    return kek.derive("key id")[:8].hex()


def check_place(path: Path, data_dir: Path, *, allowed_inside: bool = False) -> None:
    """Raises KeyringError when the keyring would lie beside the data it opens."""
    if not allowed_inside and path.resolve().is_relative_to(data_dir.resolve()):
        raise KeyringError(
            f"The keyring {path} lies inside DATA_DIR ({data_dir}), so every copy of the data would hold its keys. "
            "Set KEYRING to a file elsewhere and move the keyring there; or, if you must, set KEYRING_INSIDE_DATA_DIR=1."
        )


def read(path: Path) -> dict[int, Key]:
    """Epoch number -> KEK. Raises KeyringError when the file is missing, readable by others, or damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise KeyringError(
            f"There is no keyring at {path}. Restore it from its backup, or point KEYRING to it."
        ) from None
    except OSError as error:
        raise KeyringError(f"The keyring {path} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise KeyringError(f"The keyring {path} has mode {mode:04o}: others may read it. Run: chmod 600 {path}")
        content = file.read()
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise ValueError("format")
        raws = {int(epoch): base64.b64decode(kek, validate=True) for epoch, kek in document["keys"].items()}
        if not all(len(raw) == KEY_BYTES for raw in raws.values()):
            raise ValueError("length")
    except (ValueError, KeyError, TypeError, AttributeError):
        # `from None`: the parser's error would quote the file, which is all keys.
        raise KeyringError(f"The keyring {path} is damaged. Restore it from its backup.") from None
    return {epoch: Key(raw, epoch) for epoch, raw in raws.items()}


def ensure(path: Path) -> dict[int, Key]:
    """The keyring, made with a first KEK when there is none; of processes that start at once, one makes it."""
    if not path.exists():
        _make(path)
    return read(path)


def _make(path: Path) -> None:
    """Writes a whole file under another name, then links it: readers see no keyring or a complete one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"format": _FORMAT, "keys": {"1": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}}
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first: its keys count
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        draft.unlink(missing_ok=True)
