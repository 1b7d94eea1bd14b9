"""The keys of records and of the installation: made, loaded, destroyed; in the vault only ever wrapped (04).

Every statement here commits by itself in the vault's database, before the caller's transaction in the main one: a key
without a record is harmless and swept later, a record without its key would be lost.
"""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from django.db import connections

from cdp import metrics
from cdp.arrays import uuids
from cdp.database.together import together
from cdp.vault import epochs, journal
from cdp.vault.aad import aad
from cdp.vault.cipher import KEY_BYTES, Key, Unsealable
from cdp.vault.remembered import Remembered
from cdp.vault.routing import VAULT

__all__ = [
    "Key", "Unsealable", "commitment", "commitments", "create", "destroy", "destroy_system", "forget", "inbox", "load",
    "system",
]  # fmt: skip

# Another process's erasure is seen here after this many seconds at the latest. What is sealed meanwhile under a key
# that is gone stays closed for ever, which is what erasure asks for.
SECONDS = 60.0
RECORDS = 50_000  # some 2.5 kB each, most of it OpenSSL's
_records: Remembered[UUID, Key] = Remembered(RECORDS, SECONDS)
_systems: Remembered[tuple[str, int | None], Key] = Remembered(10_000, SECONDS)

_CREATE = """
INSERT INTO vault_datakey (record_id, epoch, wrapped)
SELECT * FROM unnest(%s::uuid[], %s::int[], %s::bytea[])
ON CONFLICT (record_id) DO NOTHING
RETURNING record_id
"""
_LOAD = "SELECT record_id, epoch, wrapped FROM vault_datakey WHERE record_id = ANY(%s::uuid[])"
_CREATE_SYSTEM = """
INSERT INTO vault_systemkey (name, version, epoch, wrapped) VALUES (%s, %s, %s, %s)
ON CONFLICT (name, version) DO NOTHING
"""
_LOAD_SYSTEM = """
SELECT version, epoch, wrapped FROM vault_systemkey
WHERE name = %s AND (%s::int IS NULL OR version = %s::int) ORDER BY version DESC LIMIT 1
"""


def create(record_ids: Sequence[UUID]) -> dict[UUID, Key]:
    """A key for each record, made where there is none yet, and committed in the vault before this returns.

    Set-based: one statement for the new, one more only if some were there already. Raises KeyringError."""
    found, missing = _records.get_many(record_ids)
    if missing:
        missing.sort()  # always in one order: two processes that make the same keys cannot deadlock
        kek = epochs.current()
        made = {id: Key(secrets.token_bytes(KEY_BYTES), kek.epoch) for id in missing}
        wrapped = [kek.seal(made[id].raw, aad=_place(id)) for id in missing]
        statement = (_CREATE, [missing, [kek.epoch] * len(missing), wrapped])
        won = {row[0] for row in together(statement, using=VAULT)[0]}
        fresh = {id: made[id] for id in won}
        if len(won) < len(missing):
            fresh |= _read([id for id in missing if id not in won])
        _records.put(fresh)
        found |= fresh
    return found


def load(record_ids: Iterable[UUID]) -> dict[UUID, Key]:
    """The keys of records; erased and unknown ids are absent. One query for all that are not remembered.

    Raises KeyringError when the keyring cannot open them, Unsealable when a wrapped key was altered or moved."""
    found, missing = _records.get_many(record_ids)
    metrics.VAULT.add(len(found), "memory")
    if missing:
        metrics.VAULT.add(len(missing), "vault")
        fresh = _read(missing)
        _records.put(fresh)
        found |= fresh
    return found


def destroy(record_ids: Iterable[UUID]) -> int:
    """Deletes the keys of records; how many there were. What was sealed under them is closed from now on here, and in
    backups once the epoch is shredded. First it is written into the erasure journal; raises JournalError when it cannot."""
    ids = sorted(set(record_ids))
    journal.destroyed(ids)
    with connections[VAULT].cursor() as cursor:
        cursor.execute("DELETE FROM vault_datakey WHERE record_id = ANY(%s)", [ids])
        gone = int(cursor.rowcount)
    _records.drop(ids)
    return gone


def system(name: str, *, version: int | None = None) -> Key:
    """A key of the installation by its name: the latest version, or the one asked for. Version 1 is made on first use.

    Raises LookupError for another version that does not exist."""
    key = _systems.get((name, version))
    if key is None:
        key = _read_system(name, version)
        if key is None:
            if version not in (None, 1):
                raise LookupError(f"the system key {name} has no version {version}")
            key = _make_system(name)
        _systems.put({(name, version): key})
    return key


def inbox(day: date) -> Key:
    """The key under which events wait that were received on this day (UTC)."""
    return system(f"inbox:{day.isoformat()}")


def destroy_system(name: str) -> None:
    """Deletes a system key in all its versions."""
    with connections[VAULT].cursor() as cursor:
        cursor.execute("DELETE FROM vault_systemkey WHERE name = %s RETURNING version", [name])
        versions = [row[0] for row in cursor.fetchall()]
    _systems.drop([(name, None), *((name, version) for version in versions)])


def commitment(record_or_profile_id: UUID) -> bytes:
    """The pseudonym (16 bytes) under which a subject stands in the audit log; see `commitments`."""
    return commitments([record_or_profile_id])[0]


def commitments(subjects: Sequence[UUID]) -> list[bytes]:
    """Pseudonyms for the audit log: HMAC-SHA256 of each id under a salt that only the vault can derive.

    A record's salt comes from its own key: with the key gone, nobody can tell any more that an entry is about the
    record. An id without a key (a profile, a record not yet sealed) gets a salt of the installation: enough against
    whoever holds the log alone. So whoever has the record ids should give those."""
    keys = load(subjects)
    common: bytes | None = None
    result = []
    for id in subjects:
        key = keys.get(id)
        if key is None:
            common = common or system("commitment").derive("commitment")
            salt = common
        else:
            salt = key.derive("commitment")
        result.append(hmac.digest(salt, id.bytes, "sha256")[:16])
    return result


def remembered() -> int:
    """How many record keys this process remembers."""
    return len(_records)


def forget() -> None:
    """Drops what this process remembers: keys, epochs, keyring."""
    _records.clear()
    _systems.clear()
    epochs.forget()


def _place(record_id: UUID) -> bytes:
    return aad("vault_datakey", record_id, "wrapped")


def _read(record_ids: list[UUID]) -> dict[UUID, Key]:
    (rows,) = together((_LOAD, [uuids(record_ids)]), using=VAULT)
    return {id: Key(epochs.kek(epoch).open(wrapped, aad=_place(id)), epoch) for id, epoch, wrapped in rows}


def _system_place(name: str, version: int) -> bytes:
    return aad("vault_systemkey", f"{version}:{name}", "wrapped")


def _read_system(name: str, version: int | None) -> Key | None:
    with connections[VAULT].cursor() as cursor:
        cursor.execute(_LOAD_SYSTEM, [name, version, version])
        row = cursor.fetchone()
    if row is None:
        return None
    number, epoch, wrapped = row
    return Key(epochs.kek(epoch).open(wrapped, aad=_system_place(name, number)), epoch)


def _make_system(name: str) -> Key:
    """Inserts version 1 unless another process was first; reads back whichever counts."""
    kek = epochs.current()
    wrapped = kek.seal(secrets.token_bytes(KEY_BYTES), aad=_system_place(name, 1))
    with connections[VAULT].cursor() as cursor:
        cursor.execute(_CREATE_SYSTEM, [name, 1, kek.epoch, wrapped])
    key = _read_system(name, 1)
    if key is None:
        raise LookupError(f"the system key {name} was destroyed while it was being made")
    return key
