"""The log: in order, without a gap, nothing twice, and never changed."""

import threading
from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, connections, transaction
from django.db.utils import DatabaseError

from cdp import audit
from cdp.audit import sequencer
from cdp.audit.entries import open_reason
from cdp.audit.models import Entry, Pending
from cdp.ids import uuid7
from cdp.vault import keys

db = pytest.mark.django_db
ALICE = audit.Actor("user", "7", role="steward", on_behalf_of="3")


class Undone(Exception):
    """Rolls back."""


@db
def test_an_entry_keeps_what_it_was_told() -> None:
    record = uuid7()
    keys.create([record])
    audit.record(
        "profile.reveal", by=ALICE, object=("profile", record), subjects=[record, record], fields=("email", "phone"),
        purpose="support", basis="contract", reason="Called about parcel", outcome="denied", rows=3,
        details={"tried": 2}, request_id="r-1", client="browser",
    )  # fmt: skip
    assert audit.sequence() == 1
    entry = Entry.objects.get()
    assert (entry.sequence, entry.actor_kind, entry.actor_id, entry.role, entry.on_behalf_of) == (
        1,
        "user",
        "7",
        "steward",
        "3",
    )
    assert (entry.action, entry.object_type, entry.object_id) == ("profile.reveal", "profile", str(record))
    assert [bytes(subject) for subject in entry.subjects] == [keys.commitment(record)]
    assert entry.fields == ["email", "phone"]
    assert (entry.purpose, entry.basis, entry.outcome, entry.rows) == ("support", "contract", "denied", 3)
    assert (entry.details, entry.request_id, entry.client) == ({"tried": 2}, "r-1", "browser")
    assert entry.reason_sealed is not None
    assert b"parcel" not in bytes(entry.reason_sealed)
    assert open_reason(entry.entry_id, bytes(entry.reason_sealed)) == "Called about parcel"
    assert not Pending.objects.exists()


@db
def test_a_reason_moved_to_another_entry_does_not_open() -> None:
    audit.record("key.revoke", by=ALICE, reason="lost laptop")
    audit.record("key.revoke", by=ALICE, reason="left the firm")
    audit.sequence()
    first, second = Entry.objects.order_by("sequence")
    assert second.reason_sealed is not None
    with pytest.raises(keys.Unsealable):
        open_reason(first.entry_id, bytes(second.reason_sealed))


@db
def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(ValueError):
        audit.record("key.revoke", by=ALICE, outcome="maybe")


@db
def test_the_time_is_that_of_the_business_transaction() -> None:
    audit.record("segment.change", by=audit.SYSTEM)
    at = Pending.objects.get().at
    audit.sequence()
    assert Entry.objects.get().at == at


@db
def test_numbers_go_on_where_they_ended() -> None:
    for n in range(25):
        audit.record("segment.change", by=audit.SYSTEM, object=("segment", n))
    moved = []
    while taken := audit.sequence(limit=10):
        moved.append(taken)
    assert moved == [10, 10, 5]
    rows = list(Entry.objects.order_by("sequence").values_list("sequence", "object_id"))
    assert rows == [(n + 1, str(n)) for n in range(25)]


@db
def test_what_was_rolled_back_leaves_no_entry() -> None:
    with transaction.atomic():
        audit.record("segment.change", by=audit.SYSTEM)
        transaction.set_rollback(True)
    assert audit.sequence() == 0


def test_one_sequencer_at_a_time(clean: None) -> None:
    audit.record("segment.change", by=audit.SYSTEM)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [sequencer.LOCK])
        assert audit.sequence() == 0
        cursor.execute("SELECT pg_advisory_unlock(%s)", [sequencer.LOCK])
    assert audit.sequence() == 1


def test_an_entry_committed_late_is_not_skipped(clean: None) -> None:
    """The one that began first commits last: its pending id is lower than what the log already holds."""
    began, go = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            audit.record("segment.change", by=audit.SYSTEM, object=("segment", "slow"))
            began.set()
            go.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    began.wait(10)
    audit.record("segment.change", by=audit.SYSTEM, object=("segment", "quick"))
    assert audit.sequence() == 1
    go.set()
    thread.join()
    assert audit.sequence() == 1
    assert list(Entry.objects.order_by("sequence").values_list("sequence", "object_id")) == [(1, "quick"), (2, "slow")]


def test_eight_writers_and_three_sequencers_skip_and_double_nothing(clean: None) -> None:
    """Every seventh transaction is rolled back, and some stay open for a while."""
    kept: list[UUID] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        for n in range(60):
            id = uuid7()
            try:
                with transaction.atomic():
                    audit.record("segment.change", by=audit.SYSTEM, object=("segment", id))
                    stop.wait(0.003 * ((n * 7 + writer) % 5))
                    if n % 7 == 0:
                        raise Undone
                    audit.record("segment.read", by=audit.SYSTEM, object=("segment", id))
                kept.append(id)
            except Undone:
                pass
        connection.close()

    loops = [threading.Thread(target=sequencer.run_forever, args=(stop,), kwargs={"limit": 40}) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in loops + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in loops:
        thread.join()
    while audit.sequence():
        pass
    rows = list(Entry.objects.order_by("sequence").values_list("sequence", "object_id", "action"))
    assert [row[0] for row in rows] == list(range(1, len(kept) * 2 + 1))
    assert sorted(row[1:] for row in rows) == sorted(
        (str(id), action) for id in kept for action in ("segment.change", "segment.read")
    )


CHANGES = [
    "UPDATE audit_entry SET outcome = 'success'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
]


@db
@pytest.mark.parametrize("statement", CHANGES)
def test_the_application_has_no_right_to_change_entries(statement: str) -> None:
    audit.record("profile.read", by=ALICE, outcome="denied")
    audit.sequence()
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Entry.objects.get().outcome == "denied"


def test_the_trigger_stops_whoever_has_the_right(clean: None) -> None:
    """The owner; and the superuser, with the settings that make other triggers step aside."""
    audit.record("profile.read", by=ALICE, outcome="denied")
    audit.sequence()
    with psycopg.connect(
        settings.ADMIN_DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"], autocommit=True
    ) as admin:
        admin.execute("SET pgtrigger.ignore = '{}'")
        admin.execute("SET session_replication_role = replica")
        for statement in CHANGES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                admin.execute(statement)
            with pytest.raises(ProgrammingError, match="append-only"):
                connections["owner"].cursor().execute(statement)
    assert Entry.objects.get().outcome == "denied"


def test_the_loop_survives_a_lost_connection(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[[int], int] = sequencer.sequence
    failures = iter([DatabaseError("gone"), DatabaseError("gone")])

    def flaky(limit: int = 5000) -> int:
        for failure in failures:
            raise failure
        return original(limit)

    monkeypatch.setattr(sequencer, "sequence", flaky)
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run_forever, args=(stop,))
    thread.start()
    audit.record("profile.read", by=ALICE)
    for _ in range(100):
        if Entry.objects.exists():
            break
        stop.wait(0.1)
    stop.set()
    thread.join()
    assert Entry.objects.count() == 1
