"""The keyring is its owner's alone, apart from the data, and never replaced in silence."""

import json
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from cdp.ids import uuid7
from cdp.vault import epochs, keyring, keys
from cdp.vault.keyring import KeyringError
from cdp.vault.models import DataKey

db = pytest.mark.django_db


def test_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keyring.json"
    made = keyring.ensure(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keyring.json"]
    assert set(json.loads(path.read_text())) == {"format", "keys"}
    assert keyring.ensure(path)[1].raw == made[1].raw
    assert keyring.read(path)[1].raw == made[1].raw


def test_a_loser_of_the_race_takes_the_winners_keys(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    winner = keyring.ensure(path)
    keyring._make(path)
    assert keyring.read(path)[1].raw == winner[1].raw


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777])
def test_refused_when_others_may_read_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keyring.json"
    keyring.ensure(path)
    path.chmod(mode)
    with pytest.raises(KeyringError, match=f"chmod 600 {path}"):
        keyring.ensure(path)


def test_missing_is_an_error_for_a_reader(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="Restore it from its backup"):
        keyring.read(tmp_path / "keyring.json")


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"format": 2, "keys": {}}', '{"format": 1, "keys": {"1": "c2hvcnQ="}}']
)
def test_damaged_is_an_error_that_quotes_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keyring.json"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyringError, match="damaged") as caught:
        keyring.ensure(path)
    assert caught.value.__suppress_context__
    assert path.read_text() == content


def test_not_beside_the_data(tmp_path: Path) -> None:
    data, inside = tmp_path / "data", tmp_path / "data" / "keys" / "keyring.json"
    with pytest.raises(KeyringError, match="inside DATA_DIR"):
        keyring.check_place(inside, data)
    keyring.check_place(inside, data, allowed_inside=True)
    keyring.check_place(tmp_path / "data.keyring.json", data)


def test_a_link_into_the_data_is_beside_the_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "data")
    with pytest.raises(KeyringError, match="inside DATA_DIR"):
        keyring.check_place(tmp_path / "elsewhere" / "keyring.json", tmp_path / "data")


@db
def test_a_vault_with_keys_and_no_keyring_gets_no_new_one(settings: Settings, tmp_path: Path) -> None:
    keys.create([uuid7()])
    keys.forget()
    settings.KEYRING = tmp_path / "keyring.json"
    with pytest.raises(KeyringError, match="Restore it from its backup"):
        keys.create([uuid7()])
    assert not settings.KEYRING.exists()
    assert DataKey.objects.count() == 1


@db
def test_the_keyring_of_another_vault_is_refused(settings: Settings, tmp_path: Path) -> None:
    keys.create([uuid7()])
    keys.forget()
    settings.KEYRING = tmp_path / "keyring.json"
    keyring.ensure(settings.KEYRING)
    with pytest.raises(KeyringError, match="another vault"):
        keys.system("audit")


@db
def test_an_epoch_that_the_keyring_lacks_is_named(settings: Settings, tmp_path: Path) -> None:
    id = uuid7()
    keys.create([id])
    DataKey.objects.update(epoch=4)
    keys.forget()
    with pytest.raises(KeyringError, match="epoch 4"):
        keys.load([id])


@db
def test_a_keyring_inside_the_data_stops_the_vault(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.KEYRING = tmp_path, tmp_path / "keyring.json"
    keys.forget()
    with pytest.raises(KeyringError, match="inside DATA_DIR"):
        epochs.current()
    assert not settings.KEYRING.exists()
    settings.KEYRING_INSIDE_DATA_DIR = True
    assert epochs.current().epoch == 1
