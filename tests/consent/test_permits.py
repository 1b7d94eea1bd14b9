"""The permission question against the database: parties, time, what was known when, signals, suppression, the ledger."""

from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from cdp import audit
from cdp.audit.models import Pending
from cdp.outbox import drain
from cdp.vault import keys
from consent.models import LedgerEntry, Party, Purpose, State
from consent.parties import regroup
from consent.permits import permits, permits_many, permits_profiles, permitted_sql
from consent.purposes import InvalidPurpose, ensure_purpose, gpc_statements, publish_notice
from consent.record import Statement, evidence_of, record
from consent.suppression import suppress, suppressed
from tests.consent.conftest import day, email, phone
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db
P, Q = UUID(int=100), UUID(int=200)


@pytest.fixture(autouse=True)
def _purposes(db: None) -> None:
    ensure_purpose("news", basis="consent", by=audit.SYSTEM, opt_out_by_gpc=True)
    ensure_purpose("ads", basis="legitimate_interests", by=audit.SYSTEM)


def say(
    status: str, *subjects: UUID, on: float = 0, purpose: str = "news", recorded: float | None = None, **more: object
) -> int:
    statement = Statement(subjects, purpose, status, day(on), uuid4(), **more)  # type: ignore[arg-type]
    return record([statement], actor="pipeline", at=day(on if recorded is None else recorded))


def test_the_builtin_purpose_rests_on_the_contract(alice: UUID) -> None:
    decision = permits([alice], "operate", at=day(0))
    assert (decision.allowed, decision.code) == (True, "basis contract")


def test_unknown_purpose_and_no_entry_are_denied(alice: UUID) -> None:
    assert permits([alice], "nonsense", at=day(0)).code == "unknown purpose"
    assert permits([alice], "news", at=day(0)).code == "no entry"
    assert permitted_sql("nonsense", day(0)) == ("false", [])
    assert permits_many([[], [alice]], "news", at=day(0))[0].code == "no entry"


def test_an_opt_out_can_come_before_the_profile(alice: UUID) -> None:
    say("withdrawn", alice)
    regroup({P: [alice, phone(ALICE)]}, at=day(1))
    assert permits([phone(ALICE)], "news", at=day(2)).code == "withdrawn"
    assert State.objects.get(party_id=P).verdicts == [4]


def test_the_decision_names_the_entry(alice: UUID) -> None:
    say("granted", alice)
    decision = permits([alice], "news", at=day(1))
    assert decision.entries == (LedgerEntry.objects.get().id,)
    assert str(decision.entries[0]) in decision.because


def test_the_source_may_rely_on_another_basis(alice: UUID) -> None:
    assert not permits([alice], "news", at=day(0)).allowed
    assert permits([alice], "news", at=day(0), basis="contract").allowed
    assert permits([alice], "ads", at=day(0)).allowed
    assert not permits([alice], "ads", at=day(0), basis="consent").allowed


def test_consent_survives_a_merge_and_splits_with_it(alice: UUID, bob: UUID) -> None:
    regroup({P: [alice], Q: [bob]}, at=day(0))
    say("granted", alice, on=1)
    say("withdrawn", bob, on=1)
    assert permits([alice], "news", at=day(2)).allowed
    regroup({P: [alice, bob], Q: []}, at=day(3))
    assert permits([alice], "news", at=day(4)).code == "withdrawn"
    regroup({P: [alice], Q: [bob]}, at=day(5))
    assert permits([alice], "news", at=day(6)).allowed
    assert permits_profiles([P, Q], "news", at=day(6))[Q].code == "withdrawn"
    # Parties are kept with their time: what was permitted in between, as known then.
    assert permits([alice], "news", at=day(4), known_at=day(4)).code == "withdrawn"
    assert permits([alice], "news", at=day(2), known_at=day(2)).allowed


def test_what_was_allowed_then_as_known_then(alice: UUID) -> None:
    say("granted", alice, on=0)
    say("withdrawn", alice, on=2, recorded=5)
    assert permits([alice], "news", at=day(3), known_at=day(4)).allowed
    assert not permits([alice], "news", at=day(3), known_at=day(6)).allowed
    assert permits([alice], "news", at=day(1)).allowed
    assert permits([alice], "news", at=day(3), known_at=day(-1)).code == "no entry"


def test_a_shared_phone_does_not_bring_in_the_other(alice: UUID, bob: UUID) -> None:
    shared = phone(ALICE)
    regroup({P: [alice, shared], Q: [bob, shared]}, at=day(0))
    say("granted", alice, shared, on=1)
    say("withdrawn", bob, on=1)
    assert permits([alice, shared], "news", at=day(2)).allowed
    assert permits([bob, shared], "news", at=day(2)).code == "withdrawn"
    assert permits([shared], "news", at=day(2)).code == "withdrawn", "asked by what both have, both answer"


def test_a_digest_that_is_nobodys_own_counts_for_nobody(alice: UUID, bob: UUID) -> None:
    switchboard = phone(BOB)
    regroup({P: [alice, switchboard], Q: [bob, switchboard]}, at=day(0))
    say("granted", alice, switchboard, on=1)
    say("withdrawn", bob, switchboard, on=2)
    assert not permits_profiles([P], "news", at=day(3))[P].allowed
    regroup({P: [alice], Q: [bob]}, nobody=[switchboard], at=day(4))
    answers = permits_profiles([P, Q], "news", at=day(5))
    assert answers[P].allowed
    assert answers[Q].code == "withdrawn"
    assert permits([switchboard], "news", at=day(5)).code == "no entry"
    regroup({Q: [bob, switchboard]}, at=day(6))
    assert permits([switchboard], "news", at=day(7)).code == "withdrawn"


def test_the_same_cause_is_one_statement(alice: UUID) -> None:
    cause = uuid4()
    said = [Statement((alice,), purpose, "granted", day(0), cause) for purpose in ("news", "ads")]
    assert record(said, actor="pipeline", at=day(0)) == 2
    assert record(said, actor="pipeline", at=day(1)) == 0
    both = [Statement((alice,), "news", status, day(2), UUID(int=5)) for status in ("granted", "denied")]
    assert record(both, actor="pipeline", at=day(2)) == 1
    assert permits([alice], "news", at=day(3)).code == "denied"


def test_undefined_purposes_are_not_written_down(alice: UUID) -> None:
    assert say("granted", alice, purpose="alice@example.com") == 0
    assert not LedgerEntry.objects.exists()


def test_what_changed_is_told_and_audited(alice: UUID) -> None:
    regroup({P: [alice]}, at=day(0))
    say("withdrawn", alice)
    assert list(drain(10).profiles) == [P]
    assert Pending.objects.filter(entry__action="consent.record").count() == 1
    assert str(alice) not in str(list(Pending.objects.values_list("entry", flat=True)))


def test_recording_and_asking_cost_the_same_for_many(django_assert_max_num_queries: object) -> None:
    people = [(uuid4(), uuid4()) for _ in range(500)]
    regroup({uuid4(): pair for pair in people}, at=day(0))
    statements = [Statement(pair, "news", "granted", day(0), uuid4()) for pair in people]
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert record(statements, actor="pipeline", at=day(0)) == 500
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        assert all(it.allowed for it in permits_many([pair[:1] for pair in people], "news", at=day(1)))
    assert State.objects.count() == 500


def test_global_privacy_control_withdraws_what_it_opts_out_of(alice: UUID) -> None:
    say("granted", alice, on=0)
    assert record(gpc_statements((alice,), at=day(1), cause=uuid4()), actor="pipeline", at=day(1)) == 1
    assert permits([alice], "news", at=day(2)).code == "withdrawn"
    assert LedgerEntry.objects.get(method="gpc").basis == "consent"
    assert permits([alice], "ads", at=day(2)).allowed


def test_a_restriction_ends_every_purpose(alice: UUID) -> None:
    regroup({P: [alice]}, at=day(0))
    say("restricted", alice, purpose="*")
    for purpose in ("operate", "news", "ads"):
        assert permits([alice], purpose, at=day(1)).code == "restricted"
        condition, params = permitted_sql(purpose, day(1), column="p.party_id")
        with connection.cursor() as cursor:
            cursor.execute(f"select count(*) from consent_party p where {condition}", params)
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("statement", ["update {} set {} = {}", "delete from {}", "truncate {}"])
@pytest.mark.parametrize(
    ("table", "column"), [("consent_ledgerentry", "actor"), ("consent_subject", "digest"), ("consent_notice", "text")]
)
def test_the_ledger_cannot_be_changed(statement: str, table: str, column: str, alice: UUID) -> None:
    say("granted", alice)
    publish_notice("news", version="1", text="We send you news.", by=audit.SYSTEM)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, column, column))
    with connection.cursor() as cursor:
        cursor.execute("select tgname from pg_trigger where tgrelid = %s::regclass and tgenabled = 'A'", [table])
        assert len(cursor.fetchall()) == 2, "the owner is stopped too"


def test_evidence_is_sealed_and_can_be_destroyed(alice: UUID) -> None:
    say("granted", alice, evidence="signed by Alice at the desk")
    entry = LedgerEntry.objects.get()
    sealed = bytes(entry.evidence_sealed or b"")
    assert b"Alice" not in sealed
    assert evidence_of(entry.id, sealed) == "signed by Alice at the desk"
    keys.destroy([entry.id])
    assert evidence_of(entry.id, sealed) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjects": ()}, {"status": "maybe"}, {"basis": "whim"}, {"expires_at": day(-1)}, {"purpose": "*"},
        {"effective_from": day(0).replace(tzinfo=None)},
    ],
)  # fmt: skip
def test_a_statement_that_says_nothing(wrong: dict[str, object]) -> None:
    sound = {"subjects": (P,), "purpose": "news", "status": "granted", "effective_from": day(0), "cause": P}
    Statement(**sound)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Statement(**(sound | wrong))  # type: ignore[arg-type]


def test_suppression_has_a_key_of_its_own(alice: UUID, bob: UUID) -> None:
    assert suppress([alice], reason="erasure", at=day(0)) == 1
    assert suppress([alice], reason="erasure", at=day(1)) == 0
    assert suppressed([alice, bob]) == {alice}
    with connection.cursor() as cursor:
        cursor.execute("select digest from consent_suppression")
        assert cursor.fetchone() != (alice,)


def test_purposes_and_notices() -> None:
    purpose, made = ensure_purpose("news", basis="contract", by=audit.SYSTEM)
    assert (made, purpose.basis) == (False, "consent")
    with pytest.raises(InvalidPurpose):
        ensure_purpose("no spaces", basis="consent", by=audit.SYSTEM)
    notice = publish_notice("news", version="1", text="We send you news.", by=audit.SYSTEM)
    assert len(notice.text_hash) == 32
    with pytest.raises(InvalidPurpose):
        publish_notice("news", version="1", text="Other words.", by=audit.SYSTEM)
    assert Purpose.objects.count() == 3


def test_a_regrouping_that_changes_nothing_writes_nothing(alice: UUID) -> None:
    regroup({P: [alice]}, at=day(0))
    regroup({P: [alice]}, at=day(1))
    assert Party.objects.count() == 1
    assert email(ALICE) == alice
