"""Records, evidence, links and profiles from observations."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.identity.cases import CRM, LOYALTY, SHOP, TILL, rows, said, see, together
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def named(person):
    return {"firstName": person.first, "lastName": person.last, "birthday": person.birthday}


def test_a_new_customer_becomes_a_record_and_a_profile():
    [one] = see(said("u1", ("email", ALICE.email), facts={"country": "NL"}, **named(ALICE)))
    assert one.changed
    [(facts, provenance, n)] = rows("SELECT facts::text, provenance::text, records FROM identity_profile")
    assert '"country": "NL"' in facts
    assert "firstName" in provenance
    assert ALICE.first not in provenance
    assert n == 1
    assert rows("SELECT count(*) FROM identity_evidence") == [(2,)]


def test_known_and_nothing_new_takes_no_lock():
    see(said("u1", ("email", ALICE.email), **named(ALICE)))
    with CaptureQueriesContext(connection) as queries:
        [again] = see(said("u1", ("email", ALICE.email), at=5))
    assert not again.changed
    assert len(queries) == 1, [q["sql"] for q in queries]
    assert not any("advisory" in query["sql"] for query in queries)


def test_the_same_mailbox_in_two_systems_is_one_person():
    a, b = see(
        said("u1", ("email", ALICE.email), **named(ALICE)),
        said("C-7", ("email", ALICE.email.upper()), source=CRM, **named(ALICE)),
    )
    assert together(a, b)
    assert rows("SELECT rule, count(*) FROM identity_link GROUP BY 1") == [("same_email", 1)]


def test_later_mailbox_merges_two_profiles_and_the_old_id_redirects():
    [a] = see(said("u1", ("email", ALICE.email), **named(ALICE)))
    [b] = see(said("C-7", source=CRM, **named(ALICE)))
    assert a.profile_id != b.profile_id
    [c] = see(said("C-7", ("email", ALICE.email), source=CRM, at=1))
    assert c.profile_id == a.profile_id
    assert rows("SELECT old_id, new_id FROM identity_redirect") == [(b.profile_id, a.profile_id)]
    assert rows("SELECT kind, profile_id, others FROM identity_merge") == [("merged", a.profile_id, [b.profile_id])]


def test_couple_with_one_mailbox_stays_two():
    a, b = see(
        said("1", ("email", ALICE.email), source=CRM, **named(ALICE)),
        said("2", ("email", ALICE.email), source=LOYALTY, **named(BOB)),
    )
    assert not together(a, b)


def test_names_in_each_others_field_are_no_contradiction():
    a, b = see(
        said("1", ("email", ALICE.email), source=CRM, firstName=ALICE.first, lastName=ALICE.last),
        said("2", ("email", ALICE.email), source=LOYALTY, firstName=ALICE.last, lastName=ALICE.first),
    )
    assert together(a, b)


def test_a_record_without_a_name_does_not_chain_a_couple():
    a, b, nameless = see(
        said("1", ("email", ALICE.email), source=CRM, **named(ALICE)),
        said("2", ("email", ALICE.email), source=LOYALTY, at=3, **named(BOB)),
        said("R-1", ("email", ALICE.email), source=TILL, kind="anonymous_id", at=5),
    )
    assert not together(a, b)
    assert together(a, nameless), "it goes to who had the mailbox first"


def test_a_number_that_many_customers_hold_links_nobody_and_withdraws_what_it_linked():
    resolutions = [
        see(said(f"c{n}", ("phone", "+1 513-555-0100"), source=CRM, firstName=first, lastName="Archer"))[0]
        for n, first in enumerate(["Alice", "Alice", "Zoe", "Victor", "Hugo", "Emma", "Igor"])
    ]
    assert not together(*resolutions[:2])
    assert rows("SELECT reason, holders FROM identity_retiredvalue") == [("shared", 7)]
    assert rows("SELECT count(*) FROM identity_link") == [(0,)]
    [more] = see(said("c9", ("phone", "+1 513-555-0100"), source=CRM, firstName="Alice", lastName="Archer"))
    assert rows("SELECT reason, holders FROM identity_retiredvalue") == [("shared", 8)]
    assert not together(resolutions[0], more)


@pytest.mark.parametrize("junk", [("email", "test@example.com"), ("phone", "000-000-0000"), ("customer_number", "N/A")])
def test_junk_never_links(junk):
    a, b = see(said("u1", junk, **named(ALICE)), said("u2", junk, **named(ALICE)))
    assert not together(a, b)


def test_the_user_id_anonymous_makes_no_customer_of_its_visitors():
    a, b = see(
        said("anonymous", ("anonymous_id", "device-1")),
        said("anonymous", ("anonymous_id", "device-2")),
    )
    assert a.record_id != b.record_id
    assert not together(a, b)


def test_anonymous_visits_go_to_the_first_user_of_the_device_only():
    visit, first, second = see(
        said("d1", kind="anonymous_id"),
        said("u2", ("anonymous_id", "d1"), at=9),
        said("u1", ("anonymous_id", "d1"), at=4),
    )
    assert together(visit, second)
    assert not together(first, second)


def test_alias_joins_two_user_ids():
    a, b = see(said("old"), said("new", ("user_id", "old"), ("anonymous_id", "old"), at=1))
    assert together(a, b)


def test_two_cards_of_one_person_bring_their_tills_together():
    card = {"source": LOYALTY, "namespace": "card", **named(ALICE)}
    a, b, c, d = see(
        said("K1", ("email", ALICE.email), **card),
        said("K2", ("email", ALICE.email), at=2, **card),
        said("K1", source=TILL, namespace="card"),
        said("K2", source=TILL, namespace="card"),
    )
    assert together(a, b, c, d)


def test_order_within_and_across_batches_does_not_matter_for_traits():
    see(said("u1", at=5, plan="late"), said("u1", at=1, plan="early"))
    [one] = see(said("u1", at=3, plan="middle"))
    assert not one.changed


def test_an_object_is_replaced_whole_though_split():
    see(said("u1", facts={"address": {"country": "NL"}}, address={"street": "A 1"}))
    see(said("u1", at=2, address={"street": "B 2"}))
    assert rows("SELECT facts::text FROM identity_profile") == [("{}",)]
    assert SHOP
