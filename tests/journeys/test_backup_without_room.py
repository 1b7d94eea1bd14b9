"""A backup on a disk without room for it, with the real pg_dump; here the room is the largest file that it may write."""

import shlex
import subprocess
import sys
from pathlib import Path

from cdp.operations import embedded
from tests.installation import ROOT, Installation, installation

__all__ = ["installation"]


def limited(it: Installation, blocks: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command that can write no file of more than so many blocks of 1024 bytes."""
    command = f"ulimit -f {blocks}; exec {shlex.join([sys.executable, 'manage.py', *arguments])}"
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=it.environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_nothing_half_is_left_and_nothing_is_broken(installation: Installation, tmp_path: Path) -> None:
    it = installation
    it.made("setup")
    if "DATABASE_URL" not in it.environment:
        embedded.ensure(it.data_dir)  # so that the servers do not start with the limit
    for name, there in (("new", False), ("there", True)):
        folder = tmp_path / name
        if there:
            folder.mkdir()
        refused = limited(it, 8, "backup", str(folder))
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr
        assert refused.stderr.startswith("BackupError: ")
        assert [*folder.iterdir()] == [] if there else not folder.exists()
    assert "no whole backup" in it.command("restore", str(tmp_path / "there")).stderr
    it.made("setup", "--check")
    it.made("backup", str(tmp_path / "there"))  # the same folder, with room
    assert "whole" in it.made("backup", str(tmp_path / "there"), "--verify")
