"""What a backup says of itself: manifest.json, written last, so that a folder without one is no backup."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cdp.operations.backups.programs import BackupError

NAME = "manifest.json"
FORMAT = 1
_BLOCK = 1 << 20
_ANOTHER = "Use another copy of it, or another backup: nothing of this one was used."


@dataclass(frozen=True)
class Manifest:
    """`databases`: "main" and "vault", each with server version, migrations and rows per table. `files`: path -> [bytes,
    SHA-256]. `epochs`: the keys of the keyring without which nothing opens, number -> key id. No key is in a backup."""

    id: str
    made_at: str
    version: str
    pg_dump: int
    roles: dict[str, str]
    epochs: dict[str, str]
    databases: dict[str, dict[str, Any]]
    files: dict[str, list[Any]]
    format: int = FORMAT


def write(manifest: Manifest, folder: Path) -> None:
    """Writes it into the folder, in one step and on the disk when this returns."""
    draft = folder / f".{NAME}"
    with draft.open("w") as file:
        json.dump(asdict(manifest), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / NAME)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises BackupError when the folder holds no whole backup that this version can read."""
    try:
        document = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no whole backup: there is no {NAME} in it.") from None
    except (OSError, ValueError):
        raise BackupError(f"{folder / NAME} cannot be read. {_ANOTHER}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BackupError(
            f"{folder / NAME} is of a format that this version does not know: use the version that made it."
        )
    try:
        return Manifest(**document)
    except TypeError:
        raise BackupError(f"{folder / NAME} is damaged. {_ANOTHER}") from None


def fingerprints(folder: Path) -> dict[str, list[Any]]:
    """Path below the folder -> [bytes, SHA-256], of every file of the dumps."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {str(path.relative_to(folder)): [path.stat().st_size, _sha256(path)] for path in paths}


def verify(folder: Path) -> Manifest:
    """Reads every byte. Raises BackupError that names what is missing, altered or too much."""
    manifest = read(folder)
    found = fingerprints(folder)
    wrong = [f"{path} is missing" for path in sorted(manifest.files.keys() - found.keys())]
    wrong += [f"{path} does not belong to it" for path in sorted(found.keys() - manifest.files.keys())]
    wrong += [
        f"{path} {_difference(found[path][0], manifest.files[path][0])}"
        for path in sorted(found)
        if path in manifest.files and found[path] != manifest.files[path]
    ]
    if wrong:
        raise BackupError(f"The backup {folder} is damaged: {', '.join(wrong[:10])}. {_ANOTHER}")
    return manifest


def _difference(found: int, written: int) -> str:
    return f"was cut short ({found:,} of {written:,} bytes)" if found < written else "was altered"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
