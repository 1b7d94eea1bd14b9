"""The pages of the documentation as programs: their blocks of commands, in order, in one shell for each page.

The rule, as docs/README.md tells it to readers:

- `bash`: typed once; it must succeed.
- `console`: questions, `$ ` before each, with what comes back on standard output below. `…` stands for anything. As the platform
  works while one types, a question is asked until the answer is the one shown, for some seconds.
- `python`: given to the project's Python; it must succeed.
- Everything else (`sh`, `json`, `javascript` ...) is shown only.

Blocks of a page share its folder, functions and exported variables. `localhost:8000` is the installation at hand.
"""

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_QUESTION = re.compile(r"^\$ (.*?)(?=^\$ |\Z)", re.DOTALL | re.MULTILINE)
PATIENCE = 60.0  # seconds; a loaded machine
_LONGEST = 300.0  # seconds of one command


@dataclass(frozen=True)
class Block:
    """A fenced block: what it is, its text, the line of the page on which it begins."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)


def questions(text: str) -> Iterator[tuple[str, str]]:
    """A console block's commands, each with what it should say."""
    for found in _QUESTION.finditer(text):
        command, rest = [], found[1].splitlines()
        while rest:
            command.append(rest.pop(0))
            if not command[-1].endswith("\\"):
                break
        yield "\n".join(command), "\n".join(rest).strip()


def is_answer(said: str, shown: str) -> bool:
    """Whether the output is the one shown, where `…` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None


@dataclass
class Shell:
    """A reader's terminal in a folder that looks like the project's."""

    folder: Path
    environment: dict[str, str]

    def open(self) -> None:
        """Makes the folder: the page's own files lie beside what the project has."""
        self.folder.mkdir()
        for name in (".venv", "manage.py", "cdp", "docs"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder.parent / f"{self.folder.name}.env").touch()

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """In the folder, with the variables and functions of before."""
        kept = shlex.quote(str(self.folder.parent / f"{self.folder.name}.env"))
        here = commands.replace("http://localhost:8000", f"http://127.0.0.1:{self.environment['PORT']}")
        script = f". {kept}\ntrap '{{ export -p; declare -f; }} > {kept}' EXIT\n{here}\n"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=_LONGEST, check=False,
        )  # fmt: skip

    def walk(self, page: Path) -> int:
        """Everything that the page says to type; how many blocks. Raises AssertionError with page and line."""
        self.open()
        walked = 0
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if block.language == "bash":
                self._succeed(block.text, where)
            elif block.language == "python":
                self._succeed(f".venv/bin/python - <<'END OF BLOCK'\n{block.text}\nEND OF BLOCK", where)
            elif block.language == "console":
                for command, shown in questions(block.text):
                    self._ask(command, shown, where)
            else:
                continue
            walked += 1
        return walked

    def _succeed(self, commands: str, where: str) -> None:
        done = self.run(commands)
        assert done.returncode == 0, f"{where}: {done.stdout[-1500:]}\n{done.stderr[-2500:]}"

    def _ask(self, command: str, shown: str, where: str) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            done = self.run(command)
            if done.returncode == 0 and is_answer(done.stdout, shown):
                return
            assert time.monotonic() < until, (
                f"{where}: {command}\nshown:\n{shown}\nsaid:\n{done.stdout}\n{done.stderr[-1500:]}"
            )
            time.sleep(0.5)
