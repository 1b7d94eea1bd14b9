"""A restored database still has whom the journal says was erased: replaying erases them again, by every holder."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from cdp import audit
from cdp.operations.backups.replay import replay
from cdp.vault import blind, journal, keys
from cdp.vault.holders import all_holders
from consent.purposes import ensure_purpose
from consent.record import Statement, record
from consent.suppression import suppress, suppressed
from identity.profiles import find
from tests.identity.cases import LATER, NOON, digests_of_record, rows, said, see
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def path(tmp_path: Path, settings: Any) -> Path:
    settings.ERASURE_JOURNAL = tmp_path / "erasures.jsonl"
    return Path(settings.ERASURE_JOURNAL)


@pytest.fixture
def alice_and_bob() -> tuple[UUID, UUID]:
    """Both known, both with a consent whose evidence is in words."""
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    seen = see(
        said(ALICE.user_id, ("email", ALICE.email), firstName=ALICE.first),
        said(BOB.user_id, ("email", BOB.email), firstName=BOB.first),
    )
    for resolution in seen:
        statement = Statement(
            subjects=digests_of_record(resolution.record_id), purpose="newsletter", status="granted", effective_from=NOON,
            evidence="said so on the phone", cause=uuid4(),
        )  # fmt: skip
        assert record([statement], actor="test", at=NOON) == 1
    return seen[0].record_id, seen[1].record_id


def _left(record_id: UUID, email: str) -> tuple[int, ...]:
    digest = blind.index("email", email)
    return (
        len(rows("SELECT 1 FROM identity_record WHERE id = %s", [record_id])),
        len(rows("SELECT 1 FROM identity_evidence WHERE record_id = %s", [record_id])),
        len(rows("SELECT 1 FROM consent_party WHERE digest = %s AND valid_to IS NULL", [digest])),
        len(keys.load([record_id])),
    )


def test_the_erased_are_erased_again_and_nobody_else(path: Path, alice_and_bob: tuple[UUID, UUID]) -> None:
    alice, bob = alice_and_bob
    digest = blind.index("email", ALICE.email)
    with transaction.atomic():
        suppress([digest], reason="erasure", at=NOON)
        transaction.set_rollback(True)  # only the journal remembers, as after a restore
    journal.destroyed([alice])
    assert not suppressed([digest])

    done = replay(journal.read([path]), at=LATER)
    keys.forget()
    assert (done.keys, done.suppressed) == (1, 1)
    assert _left(alice, ALICE.email) == (0, 0, 0, 0)
    assert find("email", ALICE.email, "US") == []
    assert suppressed([digest]) == {digest}
    assert 0 not in _left(bob, BOB.email)
    again = replay(journal.read([path]), at=LATER)
    assert (again.keys, again.rows, again.suppressed) == (0, 0, 0)


def test_all_holders_erase_also_what_consent_knows_only_through_evidence(alice_and_bob: tuple[UUID, UUID]) -> None:
    alice, _ = alice_and_bob
    digest = blind.index("email", ALICE.email)
    entry = rows("SELECT entry_id FROM consent_subject WHERE digest = %s", [digest])[0][0]
    profile = find("email", ALICE.email, "US")[0]
    assert keys.load([entry])
    with transaction.atomic():
        for holder in all_holders():
            holder.erase([alice])
    keys.forget()
    assert keys.load([entry, alice]) == {}
    assert rows("SELECT 1 FROM consent_state WHERE party_id = %s", [profile]) == []
