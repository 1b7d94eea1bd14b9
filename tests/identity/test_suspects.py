"""Contradictions weigh as they should: those of two people above what marriages, slips and second cards do."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from cdp.ids import uuid7
from identity.contradictions import Witness, national, place, weight
from identity.names import Person
from identity.rules import CUSTOMER_NUMBER, EMAIL, PHONE, USER_ID, Holder
from identity.suspects import LINE, Suspicion, Tie, suspect
from tests.people import ALICE, BOB, CHARLIE

CRM, SHOP = uuid7(), uuid7()
BORN, OTHER = date(1980, 5, 17), date(1992, 11, 3)
SEVERAL = {(CRM, USER_ID): 0.02, (SHOP, USER_ID): 0.4}
WHO = {"given": ALICE.first.lower(), "family": ALICE.last.lower(), "born": BORN}


def says(
    *, source: UUID = CRM, mail: UUID | None = None, phone: UUID | None = None, postcode: str = "", **who: Any
) -> Witness:
    """A record of a customer whom its source knows by an id."""
    values: Mapping[int, UUID | None] = {EMAIL: mail, PHONE: phone}
    held = {kind: frozenset({digest}) for kind, digest in values.items() if digest}
    return Witness(Holder(uuid7(), source, USER_ID, (source, uuid7()), Person(**who)), held, postcode)


def judged(*said: Witness, by: str = "", several: Any = SEVERAL) -> Suspicion:
    """The profile of these records, each joined to the first."""
    ties = {(said[0].id, it.id): Tie(0.0 if by else 24.0, () if by else ("same_email",), by) for it in said[1:]}
    return suspect(said, ties, several)


def test_strong_contradictions_are_above_the_line_and_weak_ones_below() -> None:
    mail = uuid7()
    couple = judged(says(**WHO), says(**{**WHO, "given": BOB.first.lower(), "born": OTHER}))
    stranger = judged(says(**WHO), says(given=BOB.first.lower(), family=BOB.last.lower(), born=OTHER))
    junior = judged(says(**WHO, mail=uuid7()), says(**{**WHO, "born": None, "suffix": "jr"}, mail=uuid7()))
    twins = judged(says(**WHO), says(**{**WHO, "given": BOB.first.lower()}))
    married = judged(says(**WHO), says(source=SHOP, **{**WHO, "family": CHARLIE.last.lower()}))
    second_card = judged(says(**WHO, mail=mail), says(**WHO, mail=mail))
    slip = judged(says(**WHO, mail=mail), says(source=SHOP, **{**WHO, "born": OTHER}, mail=mail))
    strong, weak = (stranger, couple, twins, junior), (married, second_card, slip)
    assert min(it.weight for it in strong) > LINE > max(it.weight for it in weak), [
        it.weight for it in (*strong, *weak)
    ]
    assert max(strong, key=lambda it: it.weight) is stranger
    assert junior.reasons == {"verified_ids": 2, "contacts": 2, "suffix": 1}
    assert [set(it.reasons) for it in weak] == [{"family_names"}, {"verified_ids"}, {"birth_dates"}]


def test_several_ids_tell_as_much_as_their_source_gives_one_person_one() -> None:
    kept = [says(source=source, **{**WHO, "born": None}) for source in (CRM, CRM, SHOP, SHOP)]
    assert judged(*kept[:2]).weight > judged(*kept[2:]).weight + 4


def test_what_most_agrees_counts_so_that_one_slip_is_no_contradiction() -> None:
    one, two = [says(**WHO)], [says(**WHO), says(**{**WHO, "given": "zzz"})]
    assert weight(one, two, {}) == pytest.approx(weight(one, two[:1], {}))
    assert weight(one, two, {}) == pytest.approx(weight(two, one, {}))


def test_groups_that_a_person_joined_are_judged_whole() -> None:
    """A careless merge of two people of two records each, of which one alone tells the birth date."""
    ours = [says(**{**WHO, "born": None}), says(source=SHOP, **WHO)]
    theirs = [says(**{**WHO, "born": OTHER}), says(source=SHOP, **{**WHO, "born": None})]
    links = {(side[0].id, side[1].id): Tie(24.0, ("same_email",)) for side in (ours, theirs)}
    by_hand = {(one.id, two.id): Tie(0.0, (), "user:7") for one in ours for two in theirs}
    found = suspect([*ours, *theirs], links | by_hand, SEVERAL)
    assert found.weight == pytest.approx(weight(ours, theirs, SEVERAL))
    assert set(found.pair or ()) == {ours[1].id, theirs[0].id}
    assert (found.rules, found.by) == ({}, ("user:7",))
    assert judged(*ours).rules == {}


def test_the_two_to_compare_are_two_that_say_something() -> None:
    ours, theirs = [says(**WHO), says(source=SHOP)], [says(**WHO), says(source=SHOP)]
    links = {(side[0].id, side[1].id): Tie(24.0, ("same_email",)) for side in (ours, theirs)}
    across = {(ours[1].id, theirs[1].id): Tie(5.0, ("similar",))}
    assert set(suspect([*ours, *theirs], links | across, SEVERAL).pair or ()) == {ours[0].id, theirs[0].id}


def test_who_has_nothing_to_say_is_no_suspect() -> None:
    assert judged(says(), says(source=SHOP)) == Suspicion()
    assert suspect([says(**WHO)], {}, {}) == Suspicion()


def test_numbers_and_places_are_read_by_their_usual_names() -> None:
    assert place({"address": {"postalCode": "1234 AB"}}) == place({"zip": "1234ab"}) == "1234ab"
    assert place({"address": "somewhere", "zip": ""}) == ""
    assert national({"ssn": "000-00-0000"}) == "000000000"
    number = Witness(says(**WHO).holder, {CUSTOMER_NUMBER: frozenset({uuid7()})}, "", "1")
    other = Witness(says(source=SHOP, **WHO).holder, {}, "", "2")
    assert judged(number, other).reasons == {"national_ids": 2}


def test_whom_likeness_alone_joined_is_judged_by_what_is_left_beside_name_and_place() -> None:
    said = [says(source=source, **WHO) for source in (CRM, SHOP, SHOP)]
    ties = {(said[0].id, said[1].id): Tie(15.0, ("similar",)), (said[1].id, said[2].id): Tie(24.0, ("same_email",))}
    asked: list[set[UUID]] = []

    def beside(bits: float) -> Suspicion:
        def told(ours: Sequence[UUID], theirs: Sequence[UUID]) -> float:
            asked.append(set(ours))
            return bits

        return suspect(said, ties, SEVERAL, told)

    namesake, unknown, one = beside(-7.0), beside(0.0), beside(12.0)
    assert (namesake.reasons["likeness"], unknown.reasons["likeness"]) == (-7, 0)
    assert "likeness" not in one.reasons
    assert namesake.weight > LINE > unknown.weight
    assert namesake.rules == {"similar": 1}
    assert {frozenset(it) for it in asked} == {frozenset({said[0].id}), frozenset({said[1].id, said[2].id})}
