"""Random ledgers, parties and times: permits = permitted_sql = rebuild = the naive oracle, whatever came first."""

from uuid import UUID, uuid5

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp import audit
from consent import rules
from consent.parties import regroup
from consent.permits import flips_sql, permits, permits_profiles, permitted_sql
from consent.purposes import ensure_purpose
from consent.rebuild import rebuild
from consent.record import Statement, record
from tests.consent import oracle
from tests.consent.conftest import day

pytestmark = pytest.mark.django_db
A, B, C, D = (UUID(int=n) for n in (1, 2, 3, 4))
P, Q = UUID(int=100), UUID(int=200)
CAUSES = UUID(int=7)


def _statement(status: str, subjects: frozenset[UUID], on: int, length: int | None, purpose: str) -> Statement:
    if status == "granted" and purpose == "*":
        purpose = "news"
    until = day(on + length) if length and status == "granted" else None
    return Statement(tuple(subjects), purpose, status, day(on), UUID(int=0), expires_at=until)


SUBJECTS = st.frozensets(st.sampled_from([A, B, C, D]), min_size=1, max_size=3)
STATEMENTS = st.lists(
    st.builds(
        _statement, st.sampled_from(oracle.RANK), SUBJECTS, st.integers(0, 5), st.none() | st.integers(1, 4),
        st.sampled_from(["news", "ads", "*", "news"]),
    ),
    max_size=7,
)  # fmt: skip
GROUPINGS = st.dictionaries(
    st.sampled_from([P, Q]), st.frozensets(st.sampled_from([A, B, C, D]), max_size=3), max_size=2
)
NOBODYS = st.frozensets(st.sampled_from([A, B, C, D]), min_size=1, max_size=2)
STEPS = st.lists(STATEMENTS | GROUPINGS | NOBODYS, max_size=6)


def sql_says(purpose: str, half_days: int, basis: str) -> set[UUID]:
    condition, params = permitted_sql(purpose, day(half_days / 2), basis=basis)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select party_id from (values (%s::uuid), (%s::uuid)) t(party_id) where {condition}", [P, Q, *params]
        )
        return {party for (party,) in cursor.fetchall()}


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
@given(STEPS, st.sampled_from(["news", "ads"]), st.sampled_from(list(rules.BLOCKS)))
def test_law(steps: list[object], purpose: str, basis: str) -> None:
    with transaction.atomic():
        for key in ("news", "ads"):
            ensure_purpose(key, basis="consent", by=audit.SYSTEM)
        said: list[oracle.Line] = []
        parties: dict[UUID, frozenset[UUID]] = {P: frozenset(), Q: frozenset()}
        nobody: frozenset[UUID] = frozenset()
        for n, step in enumerate(steps):
            if isinstance(step, frozenset):
                # Identity takes what is nobody's own out of every party in the same breath.
                nobody |= step
                parties = {party: digests - step for party, digests in parties.items()}
                regroup(parties, at=day(100 + n), nobody=step)
                continue
            if isinstance(step, dict):
                parties.update(step)
                nobody -= frozenset().union(*step.values())
                regroup(step, at=day(100 + n))
                continue
            assert isinstance(step, list)
            named = [
                Statement(
                    s.subjects,
                    s.purpose,
                    s.status,
                    s.effective_from,
                    uuid5(CAUSES, f"{n} {m}"),
                    expires_at=s.expires_at,
                )
                for m, s in enumerate(step)
            ]
            assert record(named, actor="pipeline", at=day(100 + n)) == len(named)
            assert record(named, actor="pipeline", at=day(101 + n)) == 0, "the same again is nothing new"
            said += [
                oracle.Line(s.purpose, s.status, frozenset(s.subjects), s.effective_from, s.expires_at) for s in named
            ]
        assert rebuild(check=True) == 0
        said = [oracle.Line(s.purpose, s.status, s.subjects - nobody, s.since, s.until) for s in said]
        said = [line for line in said if line.subjects]
        for half_days in (-1, 0, 3, 7, 12, 40):
            at = day(half_days / 2)
            expected = {it for it, digests in parties.items() if oracle.allowed(said, digests, purpose, at, basis)}
            answers = permits_profiles([P, Q], purpose, at=at, basis=basis)
            assert {it for it, decision in answers.items() if decision.allowed} == expected
            assert sql_says(purpose, half_days, basis) == expected
            # Asked by digests: all parties that hold every one of them answer together.
            for digests in filter(None, parties.values()):
                person = frozenset().union(*(other for other in parties.values() if digests <= other))
                assert permits(digests, purpose, at=at, basis=basis).allowed == oracle.allowed(
                    said, person, purpose, at, basis
                )
        _check_flips(purpose, basis)
        transaction.set_rollback(True)


def _check_flips(purpose: str, basis: str) -> None:
    """Between a moment and the next flip the answer stands still."""
    sql, params = flips_sql(purpose, day(1), column="t.party")
    with connection.cursor() as cursor:
        cursor.execute(f"select t.party, {sql} from (values (%s::uuid), (%s::uuid)) t(party)", [*params, P, Q])
        flips = dict(cursor.fetchall())
    for party, flip in flips.items():
        for half_days in range(2, 24):
            if flip is None or day(half_days / 2) < flip:
                assert (party in sql_says(purpose, half_days, basis)) == (party in sql_says(purpose, 2, basis))


def test_a_state_that_was_changed_by_hand_is_found_and_mended() -> None:
    regroup({P: [A]}, at=day(0))
    record([Statement((A,), "operate", "withdrawn", day(0), CAUSES)], actor="pipeline", at=day(0))
    with connection.cursor() as cursor:
        cursor.execute("update consent_state set verdicts = '{1}'")
        cursor.execute("insert into consent_state values (%s, 'operate', '{2026-01-01}', '{1}')", [Q])
    assert rebuild(check=True) == 2
    assert rebuild() == 2
    assert rebuild(check=True) == 0
    assert not permits_profiles([P], "operate", at=day(1))[P].allowed
