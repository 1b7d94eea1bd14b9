"""The acceptance test of the platform: the whole small demo in processes and servers of its own, then every rebuild."""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ENDS_WITHIN = 15.0  # seconds for the servers to be gone after the last command


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an installation that nobody else uses."""
    folder = tmp_path_factory.mktemp("installation")
    taken = {
        "DATABASE_URL",
        "OWNER_DATABASE_URL",
        "VAULT_DATABASE_URL",
        "BROKER_URL",
        "SECRET_KEY",
        "PORT",
        "CDP_NO_SERVERS",
    }
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    return kept | {"DATA_DIR": str(folder / "data"), "KEYRING": str(folder / "keyring.json"), "COLUMNS": "120"}


def manage(place: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=place, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def numbers(line: str) -> list[int]:
    return [int(word.replace(",", "")) for word in re.findall(r"(?<![\d.])\d[\d,]*(?![\d.])", line)]


def left_behind(place: dict[str, str]) -> list[str]:
    """Processes that still have to do with the installation: by their command line or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if int(process.name) != os.getpid() and os.fsencode(place["DATA_DIR"]) in said:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def gone(place: dict[str, str]) -> bool:
    deadline = time.monotonic() + _ENDS_WITHIN
    while left_behind(place) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not left_behind(place)


def _confirms_itself_and_leaves_nothing_behind(place: dict[str, str]) -> None:
    done = manage(place, "demo", "--small", "--no-serve", "--port", "8977")
    told = done.stdout
    assert done.returncode == 0, told[-3000:] + done.stderr[-3000:]
    assert "✗" not in told
    assert len(re.findall(r"✓", told)) >= 3 + 5 + 10  # flow, consents, segments; five purposes; ten segments
    _, accepted, stored, duplicates, rejected, suppressed, denied, pending = numbers(
        next(line for line in told.splitlines() if line.strip().startswith("all"))
    )
    assert accepted == stored + duplicates + rejected + suppressed + denied + pending
    assert (stored, pending) == (accepted, 0)
    scores = next(line for line in told.splitlines() if line.strip().startswith("linkable"))
    f1, precision = (float(word) for word in re.findall(r"\d\.\d{3}", scores)[:2])
    assert f1 > 0.93
    assert precision > 0.98
    assert left_behind(place) == []
    assert not (Path(place["DATA_DIR"]) / "demo" / "input").exists()


def _what_was_kept_live_equals_what_is_recomputed(place: dict[str, str]) -> None:
    done = manage(place, "rebuild", "profiles", "consents", "segments", "--check")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def _the_same_again_changes_nothing(place: dict[str, str]) -> None:
    done = manage(place, "demo", "--small", "--no-serve", "--port", "8977")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    _, accepted, stored, duplicates, *_ = numbers(
        next(line for line in done.stdout.splitlines() if line.strip().startswith("all"))
    )
    assert accepted == 2 * stored
    assert duplicates == stored
    assert gone(place)


def test_the_small_demo_holds_what_it_promises(place: dict[str, str]) -> None:
    """One test, for each step is about the installation that the one before has left."""
    _confirms_itself_and_leaves_nothing_behind(place)
    _what_was_kept_live_equals_what_is_recomputed(place)
    _the_same_again_changes_nothing(place)
