"""The account that runs the servers.

PostgreSQL refuses to run as root. Root therefore starts the servers as the owner of DATA_DIR, or as ``nobody`` when
that owner is root. Such an account often cannot reach the files: a clone under ``/root`` or in a directory of mode
0700. Then the server keeps exactly one capability, to pass through directories, as an *ambient* capability: the only
kind that survives both the change of user and the exec of an unprivileged program (capabilities(7), Linux 4.3).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cdp.operations.embedded.layout import EmbeddedServerError

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1  # Docker's default set has this one ...
CAP_DAC_READ_SEARCH = 2  # ... and not this, which is the smaller right.

# Looked up before any fork: the dynamic loader must not run between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """Who runs a server, and the capability it keeps (none for an ordinary user)."""

    uid: int
    gid: int
    name: str
    capability: int | None = None


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _prctl(*arguments: int) -> None:
    if _libc is None:
        return
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[1:5]]
    if _libc.prctl(ctypes.c_int(arguments[0]), *padded) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _keep_only(capability: int) -> None:
    assert _libc is not None
    bit = 1 << capability
    sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
    if _libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def becoming(account: Account, *, when_parent_dies: signal.Signals | None = None) -> Callable[[], None]:
    """A function to run between fork and exec: take on the account, and die with the supervisor.

    The parent-death signal is set last, because changing credentials clears it (prctl(2)).
    """
    parent = os.getpid()

    def become() -> None:
        os.umask(0o077)
        if os.geteuid() == 0:
            if account.capability is not None:
                # Keeps capabilities through setuid, and lets access(2) count them later: PostgreSQL asks that way.
                _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            if account.capability is not None:
                _keep_only(account.capability)
        if when_parent_dies is not None:
            _prctl(_PR_SET_PDEATHSIG, when_parent_dies)
            if os.getppid() != parent:
                os._exit(1)

    return become


def server_account(data_dir: Path) -> Account:
    """The account for the servers of ``data_dir``, without capability. Raises EmbeddedServerError."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), "")
    owner = data_dir.stat()
    try:
        entry = pwd.getpwuid(owner.st_uid) if owner.st_uid else pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedServerError("PostgreSQL cannot run as root and there is no other account to run it") from error
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def reaching(account: Account, directory: Path, program: Path) -> Account | None:
    """The account with the smallest right that lets it enter ``directory`` and run ``program``; None if none does."""
    choices = [None] if os.geteuid() != 0 or _libc is None else [None, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE]
    for capability in choices:
        candidate = Account(account.uid, account.gid, account.name, capability)
        # A second program behind the shell shows that the right survives exec, and exec again.
        script = 'cd "$1" && exec "$2" --version'
        try:
            done = subprocess.run(  # noqa: S603
                ["/bin/sh", "-c", script, "sh", str(directory), str(program)],
                preexec_fn=becoming(candidate),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if done.returncode == 0:
            return candidate
    return None
