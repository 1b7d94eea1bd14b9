"""Where the rooms are."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cdp", "consent", "identity", "segments")


def sources() -> Iterator[Path]:
    """Every Python file of the rooms and of the tests."""
    for package in (*PACKAGES, "tests"):
        for path in (ROOT / package).rglob("*.py"):
            if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
                yield path
