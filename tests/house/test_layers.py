"""A room imports only from below: the contract in pyproject.toml, without ignores."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.rooms import ROOT


def _contract() -> dict[str, object]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = config["contracts"]
    return dict(contract)


def test_the_layers_are_kept() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_ignored_and_every_room_is_named() -> None:
    contract = _contract()
    assert contract.keys() == {"name", "type", "layers"}
    named = str(contract["layers"])
    rooms = [path.parent.name for path in (ROOT / "cdp").glob("*/__init__.py")]
    assert not [room for room in rooms if f"(cdp.{room})" not in named]
