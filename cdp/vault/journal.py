"""The erasure journal: what was erased, kept outside both databases, so that an old backup does not bring anyone back (04).

A file of JSON lines that is only appended to, each line on the disk before the erasure itself begins. It holds digests
only: of the id of each destroyed key, under a key derived from the keyring's (never in a backup), and of each suppressed
identifier as the database has it. A line half written by a crash tells of an erasure that never began, and is passed over.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from cdp.vault import epochs
from cdp.vault.cipher import Key

_USE = "erasure journal"


class JournalError(Exception):
    """The journal cannot be written or read; the message names the file and the remedy."""


@dataclass
class Journal:
    """What journals say: digests of destroyed keys by epoch, suppressed digests, the backups that were taken."""

    destroyed: dict[int, set[UUID]] = field(default_factory=dict)
    suppressed: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    backups: set[str] = field(default_factory=set)

    def among(self, record_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the ids whose keys were destroyed. Raises KeyringError for an epoch that the keyring lacks."""
        found: set[UUID] = set()
        for epoch, gone in self.destroyed.items():
            digests = _digests(epochs.kek(epoch), record_ids)
            found |= {id for id, digest in zip(record_ids, digests, strict=True) if digest in gone}
        return sorted(found)


def destroyed(record_ids: Iterable[UUID]) -> None:
    """Writes that the keys of these ids are destroyed; on the disk when this returns. Raises JournalError."""
    ids = list(record_ids)
    if ids:
        kek = epochs.current()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        _append([{"destroyed": digest.hex, "epoch": kek.epoch, "at": at} for digest in _digests(kek, ids)])


def suppressed(digests: Iterable[UUID], *, reason: str, at: datetime) -> None:
    """Writes that these digests are suppressed; on the disk when this returns. Raises JournalError."""
    lines = [{"suppressed": digest.hex, "reason": reason, "at": at.isoformat()} for digest in digests]
    if lines:
        _append(lines)


def backed_up(backup_id: str, *, at: datetime) -> None:
    """Writes that a backup was taken: by this line `restore` knows the journal that goes with it. Raises JournalError."""
    _append([{"backup": backup_id, "at": at.isoformat(timespec="seconds")}])


def read(paths: Iterable[Path]) -> Journal:
    """All that the journals say together. Raises JournalError for a file that is missing or is none."""
    result = Journal()
    for path in paths:
        for line in _lines(path):
            if "destroyed" in line:
                result.destroyed.setdefault(int(line["epoch"]), set()).add(UUID(line["destroyed"]))
            elif "suppressed" in line:
                moment = datetime.fromisoformat(line["at"])
                result.suppressed.setdefault(UUID(line["suppressed"]), (str(line["reason"]), moment))
            elif "backup" in line:
                result.backups.add(str(line["backup"]))
    return result


def _digests(kek: Key, record_ids: Sequence[UUID]) -> list[UUID]:
    key = kek.derive(_USE)
    return [UUID(bytes=hmac.digest(key, id.bytes, "sha256")[:16]) for id in record_ids]


def _append(lines: Sequence[Mapping[str, Any]]) -> None:
    path = Path(settings.ERASURE_JOURNAL)
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                text = b"\n" + text  # after what a crash cut off
            while text:
                text = text[os.write(descriptor, text) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if not size:
            _sync_folder(path.parent)
    except OSError as error:
        raise JournalError(
            f"The erasure journal {path} cannot be written ({error.strerror}), so nothing is erased: an old backup would "
            "bring it back. Make it writable, or point ERASURE_JOURNAL to a file that is."
        ) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open() as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                except ValueError:
                    continue  # cut off by a crash
                if not isinstance(line, dict):
                    raise JournalError(f"{path} is no erasure journal (line {number}).")
                yield line
    except (OSError, UnicodeDecodeError):
        raise JournalError(f"The erasure journal {path} cannot be read.") from None
