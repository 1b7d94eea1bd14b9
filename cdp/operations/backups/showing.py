"""The progress bar of the commands."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bar:
    """One line per database: how many bytes of its tables are through. Silent when standard error is no terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<6}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TimeElapsedColumn(),
        )
        console = Console(stderr=True)
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, what: str, total: int) -> None:
        """Another database's turn."""
        self._task = self._bars.add_task(what, total=total)

    def advance(self, n: int) -> None:
        """So many more bytes."""
        if self._task is not None:
            self._bars.advance(self._task, n)
