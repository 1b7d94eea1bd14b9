"""The erasure journal: written before anything is destroyed, readable after a crash, silent about whom."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cdp.ids import uuid7
from cdp.vault import journal, keys
from cdp.vault.journal import JournalError

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_JOURNAL = tmp_path / "erasures.jsonl"
    return Path(settings.ERASURE_JOURNAL)


def test_it_knows_what_was_destroyed_and_names_nobody(path: Path) -> None:
    alice, bob = uuid7(), uuid7()
    keys.create([alice, bob])
    keys.destroy([alice])
    assert journal.read([path]).among([alice, bob]) == [alice]
    assert alice.hex not in path.read_text().replace("-", "")
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_destroyed_that_cannot_be_journalled(path: Path, settings: Any) -> None:
    alice = uuid7()
    keys.create([alice])
    settings.ERASURE_JOURNAL = path / "no" / "such" / "folder"
    with pytest.raises(JournalError, match="ERASURE_JOURNAL"):
        keys.destroy([alice])
    keys.forget()
    assert keys.load([alice])


def test_a_line_that_a_crash_cut_off_is_passed_over(path: Path) -> None:
    alice, bob = uuid7(), uuid7()
    journal.destroyed([alice])
    with path.open("a") as file:
        file.write('{"destroyed": "0190')
    journal.destroyed([bob])
    journal.suppressed([UUID(int=7)], reason="erasure", at=NOW)
    journal.backed_up("b-1", at=NOW)
    found = journal.read([path])
    assert found.among([alice, bob]) == sorted([alice, bob])
    assert found.suppressed == {UUID(int=7): ("erasure", NOW)}
    assert found.backups == {"b-1"}


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("[1]\n")
    with pytest.raises(JournalError, match="no erasure journal"):
        journal.read([other])
    other.write_bytes(b"\xff\xfe")
    with pytest.raises(JournalError, match="cannot be read"):
        journal.read([other])
    with pytest.raises(JournalError, match="cannot be read"):
        journal.read([tmp_path / "none"])
