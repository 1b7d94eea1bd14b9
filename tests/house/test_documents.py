"""Links of the documents lead somewhere, and every command is described with its options."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.house.rooms import PACKAGES, ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"^\| `(\w+)`(?: `([^`]*)`)? \| (.*) \|$", re.MULTILINE)
_DJANGO_OWN = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no-color",
    "force-color",
    "skip-checks",
}


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings: lower case, no punctuation, hyphens for spaces."""
    titles = re.findall(r"^#+ (.*)$", _CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not list(_broken(page))


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(index.read_text())}
    assert not {*(ROOT / "docs").glob("*.md")} - linked - {index}


def _commands() -> dict[str, argparse.ArgumentParser]:
    ours = {name: app for name, app in get_commands().items() if str(app).split(".")[0] in PACKAGES}
    return {name: load_command_class(app, name).create_parser("manage.py", name) for name, app in ours.items()}


def _options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        own = not {name.removeprefix("--") for name in action.option_strings} & _DJANGO_OWN
        if own and not (action.help or "").startswith("(internal)"):
            yield action


def test_every_command_is_described_with_its_options() -> None:
    rows = {name: usage for name, usage, _ in _ROW.findall((ROOT / "docs" / "commands.md").read_text())}
    commands = _commands()
    assert rows.keys() == commands.keys()
    described = {name: set(re.findall(r"--([\w-]+)", usage)) for name, usage in rows.items()}
    real = {
        name: {option.removeprefix("--") for action in _options(parser) for option in action.option_strings}
        for name, parser in commands.items()
    }
    assert described == real


def test_help_explains_every_argument() -> None:
    for name, parser in _commands().items():
        assert parser.description, name
        assert not [action.dest for action in _options(parser) if not action.help], name
