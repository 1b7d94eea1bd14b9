"""Keys are made once, loaded in one query, and gone when destroyed."""

import subprocess
import sys
from datetime import date

import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import CaptureQueriesContext

from cdp.ids import uuid7
from cdp.vault import blind, epochs, keys
from cdp.vault.aad import aad
from cdp.vault.cipher import Unsealable
from cdp.vault.models import DataKey, Epoch, SystemKey
from cdp.vault.remembered import Remembered

db = pytest.mark.django_db


def queries() -> CaptureQueriesContext:
    return CaptureQueriesContext(connections["vault"])


@db
def test_created_keys_are_loaded_again() -> None:
    ids = [uuid7() for _ in range(50)]
    made = keys.create(ids)
    keys.forget()
    loaded = keys.load(ids)
    assert {id: key.raw for id, key in loaded.items()} == {id: key.raw for id, key in made.items()}
    assert len({key.raw for key in made.values()}) == 50


@db
def test_create_is_idempotent_and_takes_an_id_twice() -> None:
    old, new = uuid7(), uuid7()
    first = keys.create([old])[old]
    keys.forget()
    again = keys.create([new, old, new])
    assert again[old].raw == first.raw
    assert set(again) == {old, new}
    assert DataKey.objects.count() == 2


@db
def test_thousand_new_keys_are_one_statement_and_thousand_loaded_one_query() -> None:
    epochs.current()
    ids = [uuid7() for _ in range(1000)]
    with queries() as made:
        keys.create(ids)
    keys._records.clear()
    with queries() as loaded:
        keys.load(ids)
    with queries() as remembered:
        keys.load(ids)
        keys.create(ids)
    assert (len(made), len(loaded), len(remembered)) == (1, 1, 0)


@db
def test_destroyed_and_unknown_keys_are_absent() -> None:
    kept, erased = uuid7(), uuid7()
    sealed = keys.create([kept, erased])[erased].seal(b"value", aad=b"")
    assert keys.destroy([erased, uuid7()]) == 1
    assert set(keys.load([kept, erased, uuid7()])) == {kept}
    assert keys.destroy([erased]) == 0
    with pytest.raises(Unsealable):
        keys.create([erased])[erased].open(sealed, aad=b"")


@db
def test_a_wrapped_key_moved_to_another_record_does_not_open() -> None:
    mine, theirs = uuid7(), uuid7()
    keys.create([mine, theirs])
    DataKey.objects.filter(record_id=mine).update(wrapped=DataKey.objects.get(record_id=theirs).wrapped)
    keys.forget()
    with pytest.raises(Unsealable):
        keys.load([mine])


@db
def test_a_wrapped_system_key_moved_to_another_name_does_not_open() -> None:
    keys.system("audit")
    keys.system("catalogue")
    SystemKey.objects.filter(name="audit").update(wrapped=SystemKey.objects.get(name="catalogue").wrapped)
    keys.forget()
    with pytest.raises(Unsealable):
        keys.system("audit")


@db
def test_no_key_is_in_the_vault_in_clear() -> None:
    id = uuid7()
    raw, kek = keys.create([id])[id].raw, epochs.current().raw
    row = DataKey.objects.get(record_id=id)
    assert raw not in bytes(row.wrapped)
    assert kek not in bytes(row.wrapped)
    epoch = Epoch.objects.get()
    assert kek.hex() not in epoch.key_id
    assert (epoch.number, epoch.provider) == (1, "local")


@db
def test_system_keys_have_names_and_versions() -> None:
    audit, other = keys.system("audit"), keys.system("catalogue")
    assert audit.raw != other.raw
    assert keys.system("audit", version=1).raw == audit.raw
    with pytest.raises(LookupError):
        keys.system("audit", version=2)
    keys.forget()
    assert keys.system("audit").raw == audit.raw


@db
def test_the_latest_version_of_a_system_key_counts() -> None:
    first = keys.system("blind:email")
    kek = epochs.current()
    new = kek.seal(bytes(32), aad=aad("vault_systemkey", "2:blind:email", "wrapped"))
    SystemKey.objects.create(name="blind:email", version=2, epoch=kek.epoch, wrapped=new)
    keys.forget()
    assert keys.system("blind:email").raw == bytes(32)
    assert keys.system("blind:email", version=1).raw == first.raw


@db
def test_an_inbox_key_belongs_to_its_day_and_dies_with_it() -> None:
    day, next_day = date(2026, 1, 31), date(2026, 2, 1)
    sealed = keys.inbox(day).seal(b"event", aad=b"")
    with pytest.raises(Unsealable):
        keys.inbox(next_day).open(sealed, aad=b"")
    keys.destroy_system("inbox:2026-01-31")
    with pytest.raises(Unsealable):
        keys.inbox(day).open(sealed, aad=b"")


@db
def test_a_commitment_lives_as_long_as_the_key() -> None:
    record, profile = uuid7(), uuid7()
    keys.create([record])
    mine, plain = keys.commitments([record, profile])
    assert (len(mine), len(plain)) == (16, 16)
    assert keys.commitment(record) == mine
    assert keys.commitment(profile) == plain
    keys.destroy([record])
    keys.create([record])
    assert keys.commitment(record) != mine


@db
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_records", Remembered(10, 60))
    ids = [uuid7() for _ in range(30)]
    assert len(keys.create(ids)) == 30
    assert len(keys._records) == 10
    assert len(keys.load(ids)) == 30


@db
def test_memory_ends_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_records", Remembered(10, 0.0))
    id = uuid7()
    keys.create([id])
    DataKey.objects.all().delete()
    assert keys.load([id]) == {}


AT_ONCE = """
import sys, uuid, django
django.setup()
from cdp.vault import blind, keys
sys.stdin.readline()
ids = [uuid.UUID(int=n) for n in range(1, 200)]
if sys.argv[1] == "down":
    ids.reverse()
made = keys.create(ids)
sealed = b"".join(made[uuid.UUID(int=n)].derive("test") for n in range(1, 200))
print(sealed.hex(), keys.system("audit").derive("test").hex(), blind.index("email", "a@b.example"))
"""


def test_processes_that_start_at_once_agree_on_every_key(
    clean: None, child_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No keyring, no epoch, no system key, no record key: four processes make them all at the same moment."""
    keyring = tmp_path_factory.mktemp("keyring") / "keyring.json"
    environment = child_environment | {"KEYRING": str(keyring), "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, order],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for order in ("up", "down", "up", "down")
    ]
    outputs = [child.communicate("go\n", timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4
    assert len(set(outputs)) == 1
    assert Epoch.objects.count() == 1
    assert keyring.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keyring.parent.iterdir()] == ["keyring.json"]
    blind.forget()
