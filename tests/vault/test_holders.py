"""The registry of holders, and the vault's own share."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from cdp.ids import uuid7
from cdp.vault import holders, keys
from cdp.vault.holder import Keys


class Shoebox:
    name = "shoebox"
    models = ("attic.shoebox",)

    def find(self, record_ids: Iterable[UUID]) -> int:
        return 0

    def export(self, record_ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
        yield {}

    def erase(self, record_ids: Iterable[UUID]) -> int:
        return 0

    def purge(self, now: datetime) -> int:
        return 0


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_holders", dict(holders._holders))


def test_keys_go_last() -> None:
    holders.register(Shoebox())
    names = [holder.name for holder in holders.all_holders()]
    assert names[0] == "shoebox"
    assert names[-1] == "vault"


def test_nothing_is_held_twice() -> None:
    holders.register(Shoebox())
    with pytest.raises(ValueError, match="shoebox"):
        holders.register(Shoebox())
    other = Shoebox()
    other.name = "attic"
    with pytest.raises(ValueError, match="attic"):
        holders.register(other)


@pytest.mark.django_db
def test_the_vault_finds_and_erases_keys_and_exports_none() -> None:
    ids = [uuid7(), uuid7()]
    keys.create(ids)
    vault = Keys()
    assert vault.find([*ids, uuid7()]) == 2
    assert list(vault.export(ids)) == []
    assert vault.purge(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert vault.erase(ids) == 2
    assert vault.find(ids) == 0
