"""What the pages tell readers to type works, in the order of docs/README.md, on one installation."""

import re
from pathlib import Path

from tests.docs.walk import ROOT, Shell, blocks
from tests.installation import Installation, installation

__all__ = ["installation"]

INDEX = ROOT / "docs" / "README.md"


def walked() -> list[Path]:
    """The project's README, then every page that the index marks with ▶."""
    marked = re.findall(r"▶ \[[^]]+\]\(([\w/.-]+)\)", INDEX.read_text())
    return [ROOT / "README.md", *(INDEX.parent / name for name in marked)]


def test_the_pages_are_walked(installation: Installation, tmp_path: Path) -> None:
    installation.up()
    for page in walked():
        assert Shell(tmp_path / page.stem, installation.environment).walk(page), page


def test_a_page_without_a_mark_has_nothing_that_looks_walked() -> None:
    """Whoever reads `bash` or `console` may rely on it."""
    others = {*(ROOT / "docs").glob("*.md")} - set(walked())
    assert not [
        f"{page.name}:{block.line}"
        for page in sorted(others)
        for block in blocks(page)
        if block.language in ("bash", "console")
    ]
