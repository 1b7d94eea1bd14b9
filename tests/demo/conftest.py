from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdp.demo import files

ANCHOR = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> files.Manifest:
    """The small demo's input, written once for all tests."""
    folder: Path = tmp_path_factory.mktemp("demo")
    return files.write(folder, households=200, seed=7, anchor=ANCHOR)
