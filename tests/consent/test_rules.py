"""The fold: single cases by name, and laws against the naive oracle. No database."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import rules
from consent.rules import Entry
from tests.consent import oracle
from tests.consent.conftest import day

A, B, C = (UUID(int=n) for n in (1, 2, 3))
_ids = count(1000)
BASES = list(rules.BLOCKS)


def said(status: str, *subjects: UUID, on: float = 0, until: float | None = None, purpose: str = "news") -> Entry:
    return Entry(
        UUID(int=next(_ids)), purpose, status, subjects or (A,), day(on), None if until is None else day(until)
    )


def answer(entries: list[Entry], *person: UUID, on: float = 10, basis: str = "consent") -> str:
    found = rules.verdict(entries, set(person or (A,)), "news", day(on))
    decision = rules.decide(found, purpose="news", basis=basis)
    assert decision.allowed == rules.allows(found.bits, basis)
    return decision.code if not decision.allowed else "allowed"


def test_no_entry_is_denied() -> None:
    assert answer([]) == "no entry"


@pytest.mark.parametrize("basis", [basis for basis in BASES if basis != "consent"])
def test_other_bases_need_no_grant(basis: str) -> None:
    assert answer([], basis=basis) == "allowed"
    assert answer([said("withdrawn")], basis=basis) == "withdrawn"
    assert answer([said("restricted", purpose="*")], basis=basis) == "restricted"


def test_unknown_basis_is_denied() -> None:
    assert answer([said("granted")], basis="because") == "unknown basis"


def test_objection_ends_legitimate_interests_and_not_a_contract() -> None:
    assert answer([said("objected")], basis="legitimate_interests") == "objected"
    assert answer([said("objected")], basis="contract") == "allowed"
    assert answer([said("objected"), said("released", on=1)], basis="legitimate_interests") == "allowed"


def test_a_grant_is_live_from_its_start_to_its_end() -> None:
    entries = [said("granted", on=2, until=5)]
    assert [answer(entries, on=n) for n in (1, 2, 4.99, 5)] == ["no entry", "allowed", "allowed", "expired"]


def test_an_earlier_grant_does_not_revive() -> None:
    assert answer([said("granted", on=0), said("granted", on=1, until=2)], on=3) == "expired"


def test_the_same_digest_can_change_its_mind() -> None:
    assert answer([said("withdrawn", on=1), said("granted", on=2)]) == "allowed"
    assert answer([said("granted", on=1), said("withdrawn", on=2)]) == "withdrawn"


def test_the_strictest_of_a_party_wins() -> None:
    assert answer([said("granted", A, on=5), said("withdrawn", B, on=1)], A, B) == "withdrawn"
    assert answer([said("granted", A, on=5), said("withdrawn", B, on=1)], A) == "allowed"


def test_a_grant_under_a_shared_phone_is_not_for_the_other() -> None:
    """A: her address, B: his, C: the family's phone."""
    assert answer([said("granted", A, C)], A, C) == "allowed"
    assert answer([said("granted", A, C)], B, C) == "no entry"
    assert answer([said("withdrawn", C, on=1), said("granted", A, C, on=2)], B, C) == "withdrawn"
    assert answer([said("withdrawn", A, C)], B, C) == "withdrawn"


def test_at_the_same_moment_the_stricter_stands() -> None:
    pair = [said("granted"), said("withdrawn")]
    assert answer(pair) == answer(pair[::-1]) == "withdrawn"


def test_a_restriction_outlives_a_grant_until_released() -> None:
    entries = [said("restricted", on=1, purpose="*"), said("granted", on=2)]
    assert answer(entries) == "restricted"
    assert answer([*entries, said("released", on=3, purpose="*")]) == "allowed"


def test_the_answer_names_what_decided() -> None:
    grant, refusal = said("granted", A), said("withdrawn", B)
    assert rules.verdict([grant, refusal], {A, B}, "news", day(9)).entries == (refusal.id,)
    assert rules.verdict([grant, refusal], {A}, "news", day(9)).entries == (grant.id,)


def _entry(status: str, subjects: frozenset[UUID], on: int, length: int | None, purpose: str) -> Entry:
    if status == "granted":
        purpose = "news"
    until = day(on) + timedelta(days=length) if length and status == "granted" else None
    return Entry(UUID(int=next(_ids)), purpose, status, tuple(sorted(subjects)), day(on), until)


ENTRIES = st.lists(
    st.builds(
        _entry,
        st.sampled_from(oracle.RANK),
        st.frozensets(st.sampled_from([A, B, C]), min_size=1, max_size=3),
        st.integers(0, 6),
        st.none() | st.integers(1, 4),
        st.sampled_from(["news", "*", "ads"]),
    ),
    max_size=9,
)
PERSON = st.frozensets(st.sampled_from([A, B, C]), min_size=1)
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)


def lines(entries: list[Entry]) -> list[oracle.Line]:
    return [oracle.Line(e.purpose, e.status, frozenset(e.subjects), e.effective_from, e.expires_at) for e in entries]


@QUIET
@given(ENTRIES, PERSON, st.integers(-1, 20), st.sampled_from(BASES))
def test_law_the_fold_is_the_oracle(entries: list[Entry], person: frozenset[UUID], half_days: int, basis: str) -> None:
    at = day(half_days / 2)
    found = rules.verdict(entries, person, "news", at)
    assert rules.decide(found, purpose="news", basis=basis).allowed == oracle.allowed(
        lines(entries), person, "news", at, basis
    )


@QUIET
@given(ENTRIES, PERSON, st.randoms())
def test_law_order_of_arrival_does_not_matter(entries: list[Entry], person: frozenset[UUID], random: "object") -> None:
    shuffled = entries[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.timeline(entries, person, "news") == rules.timeline(shuffled, person, "news")


@QUIET
@given(ENTRIES, PERSON)
def test_law_the_timeline_is_the_verdict_at_every_moment(entries: list[Entry], person: frozenset[UUID]) -> None:
    moments, verdicts = rules.timeline(entries, person, "news")
    assert moments == sorted(set(moments))
    for half_days in range(-1, 25):
        at = day(half_days / 2)
        bucket = sum(moment <= at for moment in moments)
        stored = verdicts[bucket - 1] if bucket else 0
        assert stored == rules.verdict(entries, person, "news", at).bits


@QUIET
@given(ENTRIES, PERSON, PERSON)
def test_law_a_refusal_survives_a_merge(entries: list[Entry], left: frozenset[UUID], right: frozenset[UUID]) -> None:
    """What a digest of either side has withdrawn and not granted again, the merged party has too, unless a grant or a
    release spans both sides, which was said under identifiers of both."""
    spanning = [
        e for e in entries if e.status in rules.PERMISSIVE and not (set(e.subjects) <= left or set(e.subjects) <= right)
    ]
    if spanning:
        return
    at = day(30)
    bits = [
        rules.verdict(entries, side, "news", at).bits & ~(rules.Bit.GRANTED | rules.Bit.EXPIRED)
        for side in (left, right)
    ]
    both = rules.verdict(entries, left | right, "news", at).bits
    lifted = [e for e in entries if e.status in rules.PERMISSIVE]
    if not lifted:
        assert both & bits[0] == bits[0]
        assert both & bits[1] == bits[1]
