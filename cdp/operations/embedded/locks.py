"""File locks that the kernel drops when their holder dies, even by kill -9.

All locks are ``flock`` on descriptors that are closed on exec (PEP 446), so that a program started by a holder
does not keep them; a forked child does keep them, and counts as a holder.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdp.operations.embedded.layout import claim


def open_lock(path: Path) -> int:
    """A descriptor to lock; the file is made when missing, and belongs to the owner of its directory."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        claim(path, path.parent)
        return descriptor


def try_lock(descriptor: int, *, exclusive: bool) -> bool:
    """Take the lock now, or say that somebody else has it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock back and keep the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def wait_lock(descriptor: int, *, exclusive: bool, seconds: float) -> bool:
    """Take the lock within ``seconds``; False when somebody held it all the time."""
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor, exclusive=exclusive):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_held(path: Path) -> bool:
    """Whether somebody holds ``path`` exclusively. Takes a shared lock for a moment, so takers must retry."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not try_lock(descriptor, exclusive=False)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold ``path`` for the block. Raises TimeoutError."""
    descriptor = open_lock(path)
    try:
        if not wait_lock(descriptor, exclusive=True, seconds=seconds):
            raise TimeoutError(f"{path} is held by another process")
        yield
    finally:
        os.close(descriptor)
