"""A backup is taken while the platform works; who is erased after it stays erased when it is restored elsewhere."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cdp.operations import embedded
from tests.installation import ROOT, Installation
from tests.people import ALICE, BOB, CHARLIE, Person

# Compliance has no door for it yet: what it will do, by the verbs that it will call.
ERASE = """
import sys
from datetime import UTC, datetime
from django.db import connection, transaction
from cdp.vault import blind
from cdp.vault.holders import all_holders
from consent.suppression import suppress
digest = blind.index("email", sys.stdin.readline().strip())
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("SELECT DISTINCT record_id FROM identity_evidence WHERE digest = %s", [digest])
    records = [row[0] for row in cursor.fetchall()]
    cursor.execute("SELECT DISTINCT digest FROM identity_evidence WHERE record_id = ANY(%s)", [records])
    suppress([row[0] for row in cursor.fetchall()], reason="erasure", at=datetime.now(UTC))
    for holder in all_holders():
        holder.erase(records)
print(*records)
"""

RIGHTS = """
SELECT 'table' AS kind, relname::text AS name, a.grantee::regrole::text, a.privilege_type FROM pg_class, aclexplode(relacl) a
WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'routine', proname, a.grantee::regrole::text, a.privilege_type FROM pg_proc, aclexplode(proacl) a
WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'default', defaclobjtype::text, a.grantee::regrole::text, a.privilege_type
FROM pg_default_acl, aclexplode(defaclacl) a
UNION ALL SELECT 'schema', nspname, a.grantee::regrole::text, a.privilege_type FROM pg_namespace, aclexplode(nspacl) a
WHERE nspname = 'public' ORDER BY 1, 2, 3, 4
"""


class Place:
    """An installation in its own folder, with backup and what else an operator does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.it = Installation(folder)
        self.keyring = folder / "data.keyring.json"
        self.journal = folder / "data.keyring.erasures.jsonl"

    def python(self, code: str, said: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=self.it.environment, input=said, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    def database(self, name: str = "") -> "psycopg.Connection[Any]":
        return psycopg.connect(self.it.vault_url if name == "vault" else self.it.database_url)

    def send(self, write_key: str, person: Person, event: str) -> None:
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        traits = {"email": person.email, "firstName": person.first}
        batch = [
            {"type": "identify", "userId": person.user_id, "traits": traits},
            {"type": "track", "userId": person.user_id, "event": event, "properties": {"revenue": 7}},
        ]
        request = urllib.request.Request(
            f"{self.it.url}/v1/batch",
            data=json.dumps({"batch": batch}).encode(),
            headers={"Authorization": f"Basic {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def found(self, key: str, person: Person) -> list[str]:
        status, body = self.it.call("POST", "/api/v1/profiles/lookup/", {"kind": "email", "value": person.email}, key)
        assert status in {200, 404}, body
        return [body["id"]] if status == 200 else []

    def reconciled(self, key: str) -> dict[str, int]:
        _, body = self.it.get("/api/v1/sources/", key)
        source = next(it["id"] for it in body["results"] if it["name"] == "shop")
        return self.it.get(f"/api/v1/sources/{source}/reconciliation/", key)[1]  # type: ignore[no-any-return]

    def settle(self, key: str, **expected: int) -> None:
        def settled() -> bool:
            now = self.reconciled(key)
            return now["pending"] == 0 and all(now[name] == n for name, n in expected.items())

        self.it.wait(settled, seconds=300)

    def serve(self) -> "subprocess.Popen[bytes]":
        """The web server without a worker: what is sent waits in the inbox."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=self.it.environment, start_new_session=True
        )
        self.it.wait(lambda: self.it.get("/readyz")[0] == 200, seconds=300)
        return process


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    both = Place(tmp_path / "old"), Place(tmp_path / "new")
    try:
        yield both
    finally:
        for place in both:
            place.it.down()


def test_back_up_erase_restore(places: tuple[Place, Place], tmp_path: Path) -> None:
    old, new = places
    backup = tmp_path / "backup"
    it = old.it
    refused = it.command("backup", str(backup))
    assert "setup" in refused.stderr
    assert not backup.exists()

    it.up()
    write_key = it.secret("create_source", "shop", prefix="wk_")
    key = it.secret("create_key", "journey", "--scope", "*", "--purpose", "operate", prefix="cdp_")
    rule = {"event": "Order Completed", "count": {"gte": 1}, "within": {"days": 30}}
    assert it.call("POST", "/api/v1/segments/", {"name": "Buyers", "rule": rule}, key)[0] == 201
    for person in (ALICE, BOB):
        old.send(write_key, person, "Order Completed")
    old.settle(key, stored=4)
    it.down()
    web = old.serve()
    old.send(write_key, CHARLIE, "Order Completed")
    assert it.made("backup", str(backup)).startswith(str(backup))
    web.send_signal(signal.SIGINT)
    web.wait(60)

    # A backup is whole or none, is not overwritten, shows damage, and holds neither key nor name.
    assert "whole" in it.made("backup", str(backup), "--verify")
    assert "not empty" in it.command("backup", str(backup)).stderr
    damaged = tmp_path / "damaged"
    shutil.copytree(backup, damaged)
    dump = max((damaged / "main").iterdir(), key=lambda path: path.stat().st_size)
    dump.write_bytes(dump.read_bytes()[:-1] + b"!")
    assert f"main/{dump.name} was altered" in it.command("backup", str(damaged), "--verify").stderr
    (damaged / "manifest.json").unlink()
    assert "no whole backup" in new.it.command("restore", str(damaged)).stderr

    # Erased after the backup; and somebody else's last word is in it.
    it.up()
    old.settle(key, stored=6)
    erased = old.python(ERASE, ALICE.email + "\n").split()
    assert len(erased) == 1
    old.it.wait(lambda: old.found(key, ALICE) == [], seconds=30)
    it.down()
    assert ALICE.email not in old.journal.read_text()
    assert not any(record in old.journal.read_text() for record in erased)

    # Another machine: the keyring first, then the journal; nothing is changed before both fit.
    assert "no keyring" in new.it.command("restore", str(backup)).stderr
    shutil.copy(old.keyring, new.keyring)
    assert "--without-journal" in new.it.command("restore", str(backup)).stderr
    assert "--journal" in new.it.command("restore", str(backup), "--journal", str(old.keyring)).stderr
    _kill_a_restore(new, backup, old.journal)
    refused = new.it.command("setup")
    assert refused.returncode != 0
    assert "interrupted" in refused.stderr
    assert "interrupted" in new.it.command("serve").stderr
    said = new.it.made("restore", str(backup), "--journal", str(old.journal))
    assert "1 keys" in said
    assert "2 identifiers suppressed" in said

    with new.database() as main, new.database("vault") as vault:
        assert main.execute("SELECT count(*) FROM identity_record WHERE id = ANY(%s::uuid[])", [erased]).fetchone() == (
            0,
        )
        assert main.execute(
            "SELECT count(*) FROM events_event WHERE record_id = ANY(%s::uuid[])", [erased]
        ).fetchone() == (0,)
        assert vault.execute(
            "SELECT count(*) FROM vault_datakey WHERE record_id = ANY(%s::uuid[])", [erased]
        ).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            main.execute("UPDATE audit_entry SET action = 'nothing'")
    with old.database() as before, new.database() as after:
        assert before.execute(RIGHTS).fetchall() == after.execute(RIGHTS).fetchall()
    assert "in use" in new.it.command("restore", str(backup)).stderr
    assert new.it.made("rebuild", "profiles", "consents", "segments", "--check").count(": 0 differences") == 3

    # Life goes on: the inbox is worked off, the erased stay away, sequences and the audit log go on.
    new.it.up()
    assert (
        "connected"
        in new.it.command("restore", str(backup), "--replace", "--no-input", "--journal", str(old.journal)).stderr
    )
    new.settle(key, stored=6)
    assert new.found(key, ALICE) == []
    for person in (BOB, CHARLIE):
        (profile,) = new.found(key, person)
        assert person.first in json.dumps(new.it.get(f"/api/v1/profiles/{profile}/", key)[1])
    new.send(write_key, ALICE, "Order Completed")
    new.send(write_key, BOB, "Order Completed")
    new.settle(key, stored=8, suppressed=2)
    assert new.found(key, ALICE) == []
    with new.database() as main:
        rows, last = main.execute("SELECT count(*), max(sequence) FROM audit_entry").fetchone() or (0, 0)
        assert rows == last
        actions = {row[0] for row in main.execute("SELECT action FROM audit_entry")}
        assert "backup.restored" in actions
    new.it.made("backup", str(tmp_path / "again"))


def _kill_a_restore(place: Place, backup: Path, journal: Path) -> None:
    """kill -9 as soon as the installation is marked."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "restore", str(backup), "--journal", str(journal)],
        cwd=ROOT, env=place.it.environment, start_new_session=True,
    )  # fmt: skip
    marked = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    name = conninfo_to_dict(place.it.database_url)["dbname"]
    admin = os.environ.get("ADMIN_DATABASE_URL") or embedded.ensure(place.it.data_dir).admin_url
    with psycopg.connect(admin, autocommit=True) as other:
        until = time.monotonic() + 300
        while (other.execute(marked, [name]).fetchone() or (None,))[0] is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
