"""A room imports only from below: the contract in pyproject.toml, without ignores."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.rooms import ROOT


def _contracts() -> list[dict[str, object]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [dict(contract) for contract in config["contracts"]]


def test_the_layers_are_kept() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_ignored_and_every_room_is_named() -> None:
    layers, *others = _contracts()
    assert layers.keys() == {"name", "type", "layers"}
    assert all(it.keys() == {"name", "type", "source_modules", "forbidden_modules"} for it in others)
    named = str(layers["layers"])
    rooms = [path.parent.name for path in (ROOT / "cdp").glob("*/__init__.py")]
    assert not [room for room in rooms if f"(cdp.{room})" not in named]
