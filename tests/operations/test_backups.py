"""A disk that is full, and copies that broke off: said so that it can be mended, and nothing half is left behind."""

import errno
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cdp.operations.backups import manifest, programs
from cdp.operations.backups.manifest import Manifest
from cdp.operations.backups.programs import BackupError, Program
from cdp.operations.backups.take import _work


def pg_dump(folder: Path, words: str) -> Program:
    """A pg_dump that writes a part and then says this."""
    path = folder / "pg_dump"
    half = 'mkdir "$1"; head -c 4096 /dev/zero > "$1/3466.dat.gz"'
    path.write_text(f'#!/bin/sh\n{half}\necho "pg_dump: error: {words}" >&2\nexit 1\n')
    path.chmod(0o700)
    return Program(path, 18)


def write_too_much(work: Path) -> None:
    (work / "manifest.json").write_text("{")
    raise OSError(errno.ENOSPC, "No space left on device", str(work))


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("could not close data file: No space left on device", "larger disk"),
        ("could not write to file: Disk quota exceeded", "larger disk"),
        ("query failed: server closed the connection", ""),
    ],
)
def test_pg_dump_cannot_write(tmp_path: Path, words: str, remedy: str, *, there: bool) -> None:
    folder = tmp_path / "backup"
    if there:
        folder.mkdir()
    with pytest.raises(BackupError) as caught, _work(folder) as work:
        programs.run(pg_dump(tmp_path, words), [work / "main"])
    assert words.rpartition(": ")[2] in str(caught.value)
    assert remedy in str(caught.value)
    assert [*folder.iterdir()] == [] if there else not folder.exists()


def test_we_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"No space left on device\. Nothing was kept"), _work(tmp_path / "b") as work:
        write_too_much(work)
    assert not (tmp_path / "b").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def damage(path: Path) -> None:
    path.write_bytes(b"!" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("main/1.dat.gz", cut, r"main/1\.dat\.gz was cut short \(80 of 100 bytes\)"),
        ("main/1.dat.gz", damage, r"main/1\.dat\.gz was altered"),
        ("main/1.dat.gz", Path.unlink, r"main/1\.dat\.gz is missing"),
        ("manifest.json", cut, r"manifest\.json cannot be read"),
    ],
)
def test_a_copy_that_is_not_whole(tmp_path: Path, name: str, change: Callable[[Path], Any], said: str) -> None:
    (tmp_path / "main").mkdir()
    (tmp_path / "main/1.dat.gz").write_bytes(b"x" * 100)
    it = Manifest("id", "2026-01-01", "1", 18, {}, {}, {}, manifest.fingerprints(tmp_path))
    (tmp_path / "manifest.json").write_text(json.dumps(asdict(it)))
    assert manifest.verify(tmp_path) == it
    change(tmp_path / name)
    with pytest.raises(BackupError, match=said + r".*another copy"):
        manifest.verify(tmp_path)
