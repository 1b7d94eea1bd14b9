"""What a benchmark found: printed line by line, and written into docs/benchmarks.md when `manage.py bench` asks for it.

To add a benchmark, write `tests/benchmarks/bench_NAME.py` with tests as everywhere else (fixtures `clean`, `server`, ...) and one
section of results each:

    def test_reads(server):
        with section("profiles", "Profile reads", peer="a bare SELECT of the same rows by primary key") as found:
            for people in growth(10_000):                       # 10,000, then 100,000, then 1,000,000
                seed(people)                                    # COPY is fine here
                found.add("GET by id", data=f"{people:,} profiles", ours=1_250, limit=1_900, unit="requests/s", note="p99 9 ms")

`ours` and `limit` are in `unit`; the ratio is worked out. A limit or a peer is measured in the same run, on the same data.
Nothing is written when the test fails. `manage.py bench NAME` runs it on an installation of its own, fsync on, in
`<DATA_DIR>-bench`; under plain pytest it prints only (and fsync is off). `tests.benchmarks.processor` tells how much processor
time servers used: on a machine that does other things too, it says more than the clock.
"""

import contextlib
import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
WRITE = "BENCH_WRITE"  # set by `manage.py bench`
GROWTH = "BENCH_GROWTH"  # the largest multiple of the smallest data: 1, 10 or 100 (default)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `limit` is what the peer did on the same data in the same run, None where there is none."""

    what: str
    data: str
    ours: float
    limit: float | None
    unit: str
    note: str = ""

    @property
    def ratio(self) -> str:
        """Ours in terms of the limit, such as `48 %` or, where ours is more, `1.31 x`."""
        if not self.limit:
            return "–"
        share = self.ours / self.limit
        return f"{share:.0%}".replace("%", " %") if share < 1 else f"{share:.2f} x"

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        limit = "–" if self.limit is None else figure(self.limit, self.unit)
        return (self.what, self.data, figure(self.ours, self.unit), limit, self.ratio, self.note)


@dataclass
class Section:
    """The figures of one benchmark."""

    name: str
    title: str
    peer: str
    rows: list[Row] = field(default_factory=list)

    def add(
        self, what: str, *, ours: float, unit: str, limit: float | None = None, data: str = "", note: str = ""
    ) -> None:
        """Keeps a figure and prints it."""
        row = Row(what, data, ours, limit, unit, note)
        self.rows.append(row)
        print(" | ".join(cell for cell in row.cells() if cell), flush=True)

    def text(self, *, at: datetime, machine: str) -> str:
        """The section's table in Markdown."""
        head = ("what", "data", "ours", "limit or peer", "ratio", "")
        lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *(row.cells() for row in self.rows))]
        about = f"{machine}, {at:%d %B %Y}." + (f" Limit or peer: {self.peer}." if self.peer else "")
        return "\n".join((about, "", *lines))


@contextlib.contextmanager
def section(name: str, title: str, *, peer: str = "") -> Iterator[Section]:
    """Collects the figures of one benchmark; at its end, unless it failed, they replace the section of this name."""
    found = Section(name, title, peer)
    print(f"\n{title}{f' (limit or peer: {peer})' if peer else ''}", flush=True)
    yield found
    if os.environ.get(WRITE) == "1":
        text = found.text(at=datetime.now(UTC), machine=machine())
        DOCS.write_text(replaced(DOCS.read_text(), name, title, text))


def growth(smallest: int) -> Sequence[int]:
    """1, 10 and 100 times the smallest amount of data, up to the multiple in BENCH_GROWTH."""
    most = int(os.environ.get(GROWTH, "100"))
    return [smallest * times for times in (1, 10, 100) if times <= most]


def replaced(document: str, name: str, title: str, text: str) -> str:
    """The document with `text` between the markers of a section; a new section comes last. Prose outside stays."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = f"{begin}\n{text}\n{end}"
    if begin not in document:
        return f"{document.rstrip()}\n\n## {title}\n\n{block}\n"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, document, flags=re.DOTALL)


def figure(value: float, unit: str) -> str:
    """A number as one reads it: three digits that mean something, thousands with commas."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def machine() -> str:
    """What the figures were measured on: processors and memory, never a name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
