"""Files stay small, and no module has a name that says nothing."""

import re

import pytest

from tests.house.rooms import ROOT, sources

LONGEST = 400
SAY_NOTHING = {
    "api",
    "base",
    "common",
    "core",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "services",
    "signals",
    "util",
    "utils",
}

NAMED_BY_OTHERS = {"cdp/database/base.py"}  # Django looks for an engine's `base`


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = {str(path.relative_to(ROOT)) for path in sources() if {path.stem, path.parent.name} & SAY_NOTHING}
    assert found == NAMED_BY_OTHERS


@pytest.mark.parametrize("forbidden", [r"@receiver\(", r"\bpost_save\b", r"\bpre_save\b", r"from django\.dispatch"])
def test_there_are_no_signals(forbidden: str) -> None:
    here = ROOT / "tests" / "house"
    found = [path for path in sources() if here not in path.parents and re.search(forbidden, path.read_text())]
    assert not found
