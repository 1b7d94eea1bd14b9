"""The results of benchmarks: ratios, growth, and tables that leave the prose around them alone."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.benchmarks import processor, results
from tests.benchmarks.results import Row, Section, growth, replaced

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(("ours", "limit", "ratio"), [(48, 100, "48 %"), (131, 100, "1.31 x"), (5, None, "–")])
def test_ratio(ours: float, limit: float | None, ratio: str) -> None:
    assert Row("reads", "", ours, limit, "ms").ratio == ratio


def test_growth_is_tenfold_and_can_be_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(growth(300)) == [300, 3_000, 30_000]
    monkeypatch.setenv(results.GROWTH, "10")
    assert list(growth(300)) == [300, 3_000]


def test_a_table_replaces_its_own_section_only() -> None:
    found = Section("reads", "Reads", "a bare SELECT")
    found.add("by id", data="10 profiles", ours=1234.5, limit=2000, unit="requests/s")
    text = found.text(at=NOON, machine="2 cores")
    assert text.splitlines()[0] == "2 cores, 05 March 2026. Limit or peer: a bare SELECT."
    assert text.splitlines()[-1] == "| by id | 10 profiles | 1,234 requests/s | 2,000 requests/s | 62 % |  |"
    once = replaced("# Benchmarks\n\nProse.\n", "reads", "Reads", text)
    assert replaced(once, "reads", "Reads", "new") == once.replace(text, "new")
    assert once.startswith("# Benchmarks\n\nProse.\n\n## Reads\n")


def test_a_failed_benchmark_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "DOCS", tmp_path / "benchmarks.md")
    monkeypatch.setenv(results.WRITE, "1")
    results.DOCS.write_text("# Benchmarks\n")
    with pytest.raises(ZeroDivisionError), results.section("reads", "Reads") as found:
        found.add("by id", ours=1 / 0, unit="ms")
    assert results.DOCS.read_text() == "# Benchmarks\n"
    with results.section("reads", "Reads") as found:
        found.add("by id", ours=1.5, unit="ms")
    assert "| by id |  | 1.50 ms | – | – |  |" in results.DOCS.read_text()


def test_processor_time_of_a_process_and_its_children() -> None:
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000))']); input()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE) as process:
        assert process.pid in processor.tree([os.getpid()])
        while processor.seconds([process.pid]) < 0.2:  # while the child works, and once it has been waited for
            assert process.poll() is None
        process.communicate(b"\n")


def test_an_unknown_benchmark() -> None:
    with pytest.raises(CommandError, match=r"no benchmark nonsense; there are: .*ingest"):
        call_command("bench", "nonsense")
