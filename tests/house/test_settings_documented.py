"""Every environment variable that the settings read has a row in docs/settings.md, and every row is read."""

import re

from cdp import settings
from tests.house.rooms import ROOT


def _documented() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))


def _read() -> set[str]:
    """Also what is read only under a condition, such as an https address."""
    source = (ROOT / "cdp" / "settings.py").read_text()
    return settings.ENVIRONMENT | set(re.findall(r"\benv(?:_\w+)?\(\s*\"([A-Z_]+)\"", source))


def test_every_variable_is_documented() -> None:
    assert not _read() - _documented()


def test_every_documented_variable_is_read() -> None:
    assert not _documented() - _read()
