"""Processor time of processes: on a machine that does other things too, it says more than the clock. Linux only (/proc)."""

import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from cdp.operations import embedded

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pids: Iterable[int]) -> float:
    """User and system time so far of these processes, their children that live, and children that they have waited for."""
    return sum(sum(map(int, fields[11:15])) for fields in map(_stat, tree(pids)) if fields) / _TICKS


def tree(pids: Iterable[int]) -> set[int]:
    """These processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, left = set[int](), list(pids)
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, ())
    return found


def database() -> list[int]:
    """The postmaster of the embedded PostgreSQL; empty for a server elsewhere."""
    pid = embedded.status(settings.DATA_DIR).get("servers", {}).get("postgres", {}).get("pid")
    return [pid] if pid else []


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) stat after the command, from `state` on; empty when the process is gone."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
