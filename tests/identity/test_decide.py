"""Decisions of people: merge, part, undo, and what the reads then say."""

import pytest

from cdp.audit import Actor
from cdp.ids import uuid7
from cdp.sources.models import Source
from identity import decide, known, profiles
from identity.foresee import foresee
from identity.labels import labels
from identity.models import Constraint, Merge
from identity.rebuild import rebuild
from tests.identity.cases import CRM, LATER, SHOP, TILL, rows, said, see, together
from tests.identity.cases import profiles as profiles_now
from tests.people import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db
STEWARD = Actor("user", "7", role="steward")


def named(person):
    return {"firstName": person.first, "lastName": person.last, "birthday": person.birthday}


def test_must_link_joins_what_no_rule_would_and_the_old_id_redirects():
    a, b = see(said("1", source=CRM, **named(ALICE)), said("2", **named(BOB)))
    done = decide.must_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    assert together(a, b)
    [merge] = Merge.objects.all()
    assert done.merges == (merge.id,)
    survivor = min(a.profile_id, b.profile_id)
    assert profiles.resolve_id(a.profile_id) == profiles.resolve_id(b.profile_id) == survivor
    assert rows("SELECT entry->>'action' FROM audit_pending ORDER BY id DESC LIMIT 1") == [("identity.must_link",)]


def test_unmerge_is_exact_and_stays_after_a_rebuild_and_new_evidence():
    a, b, c = see(
        said("1", ("email", ALICE.email), source=CRM, **named(ALICE)),
        said("2", ("email", ALICE.email), **named(ALICE)),
        said("3", ("email", ALICE.email), source=TILL, **named(ALICE)),
    )
    assert together(a, b, c)
    decide.unmerge(a.profile_id, [c.record_id], by=STEWARD, at=LATER)
    see(said("3", ("phone", ALICE.phone), source=TILL), said("1", ("phone", ALICE.phone), source=CRM))
    assert together(a, b)
    assert not together(a, c)
    assert rebuild(check=True, at=LATER) == 0


def test_undoing_an_unmerge_brings_them_together_again():
    a, b = see(said("1", ("email", ALICE.email), source=CRM), said("2", ("email", ALICE.email)))
    done = decide.unmerge(a.profile_id, [b.record_id], by=STEWARD, at=LATER)
    assert not together(a, b)
    decide.undo(done.merges[0], by=STEWARD, at=LATER)
    assert together(a, b)
    assert not Constraint.objects.exists()
    with pytest.raises(decide.Undecidable):
        decide.undo(done.merges[0], by=STEWARD, at=LATER)


def test_cannot_link_wins_over_must_link_and_is_reported():
    a, b, c = see(said("1", source=CRM), said("2"), said("3", source=TILL))
    decide.cannot_link(a.record_id, c.record_id, by=STEWARD, at=LATER)
    decide.must_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    done = decide.must_link(b.record_id, c.record_id, by=STEWARD, at=LATER)
    assert not together(a, c)
    assert done.refused == {"cannot_link": 1}


@pytest.mark.parametrize("chosen", ["none", "all", "stranger"])
def test_unmerge_refuses_what_makes_no_sense(chosen):
    a, b, stranger = see(
        said("1", ("email", ALICE.email), source=CRM), said("2", ("email", ALICE.email)), said("9", source=TILL)
    )
    records = {"none": [], "all": [a.record_id, b.record_id], "stranger": [stranger.record_id]}[chosen]
    with pytest.raises(decide.Undecidable):
        decide.unmerge(a.profile_id, records, by=STEWARD, at=LATER)


def test_profiles_that_contradict_each_other_are_joined_whole_and_parted_as_they_were():
    a, b = see(said("1", ("email", ALICE.email), source=CRM, **named(ALICE)), said("2", ("email", ALICE.email)))
    [c, d] = see(
        said("8", ("email", BOB.email), source=CRM, **named(BOB)), said("9", ("email", BOB.email), **named(BOB))
    )
    before = profiles_now()
    would = foresee(lambda: decide.same_person(a.profile_id, c.profile_id, by=STEWARD, at=LATER))
    assert (profiles_now(), Constraint.objects.count()) == (before, 0)
    [part] = would.parts
    assert (part.id, would.gone) == (a.profile_id, (c.profile_id,))
    assert set(part.came) == {c.record_id, d.record_id}
    done = decide.same_person(a.profile_id, c.profile_id, by=STEWARD, at=LATER)
    assert together(a, b, c, d)
    assert rebuild(check=True, at=LATER) == 0
    with pytest.raises(decide.Undecidable):
        decide.same_person(a.profile_id, c.profile_id, by=STEWARD, at=LATER)
    decide.undo(done.merges[0], by=STEWARD, at=LATER)
    assert profiles_now() == before
    assert rebuild(check=True, at=LATER) == 0
    with pytest.raises(decide.Undecidable):  # some of them are two people, somebody said
        decide.same_person(uuid7(), c.profile_id, by=STEWARD, at=LATER)


def test_a_cannot_link_refuses_a_merge_whole_and_says_so():
    a, b, c = see(
        said("1", ("email", ALICE.email), source=CRM), said("2", ("email", ALICE.email)), said("3", source=TILL)
    )
    decide.cannot_link(b.record_id, c.record_id, by=STEWARD, at=LATER)
    before = profiles_now()
    with pytest.raises(decide.Undecidable):
        decide.same_person(a.profile_id, c.profile_id, by=STEWARD, at=LATER)
    assert (profiles_now(), Constraint.objects.count()) == (before, 1)


def test_parting_two_of_a_profile_heeds_links_that_lead_out_of_it():
    a, b = see(said("1", ("email", ALICE.email), source=CRM, **named(ALICE)), said("2", ("email", ALICE.email)))
    see(said("3", ("email", ALICE.email), source=TILL, **named(BOB)))  # linked with b, kept apart by the name
    [d] = see(said("9", ("email", BOB.email), **named(BOB)))
    decide.same_person(a.profile_id, d.profile_id, by=STEWARD, at=LATER)
    decide.part(a.record_id, d.record_id, by=STEWARD, at=LATER)
    assert together(a, b)
    assert not together(a, d)
    assert rebuild(check=True, at=LATER) == 0


def test_a_decision_taken_back_leaves_no_trace_but_history():
    a, b = see(said("1", source=CRM, **named(ALICE)), said("2", **named(BOB)))
    before = profiles_now()
    done = decide.must_link(a.record_id, b.record_id, by=STEWARD, at=LATER)
    assert [(it.left, it.right, it.same) for it in labels()] == [(*sorted((a.record_id, b.record_id)), True)]
    decide.withdraw([(b.record_id, a.record_id)], by=STEWARD, at=LATER)
    assert (profiles_now(), labels()) == (before, [])
    assert Merge.objects.get(pk=done.merges[0]).undone_at is not None
    with pytest.raises(decide.Undecidable):
        decide.withdraw([(a.record_id, b.record_id)], by=STEWARD, at=LATER)


def test_what_is_foreseen_of_a_split_is_what_then_happens():
    a, b, c = see(*(said(key, ("email", ALICE.email), source=at) for key, at in (("1", CRM), ("2", SHOP), ("3", TILL))))
    would = foresee(lambda: decide.unmerge(a.profile_id, [c.record_id], by=STEWARD, at=LATER))
    kept, new = sorted(would.parts, key=lambda part: part.id is None)
    assert (kept.id, kept.left, new.id, new.came) == (a.profile_id, (c.record_id,), None, (c.record_id,))
    assert together(a, b, c)
    decide.unmerge(a.profile_id, [c.record_id], by=STEWARD, at=LATER)
    assert together(a, b)
    assert not together(a, c)


def test_reads_open_what_is_sealed_with_class_and_provenance():
    a, b = see(
        said("1", ("email", ALICE.email), source=CRM, facts={"country": "NL"}, **named(ALICE)),
        said(
            "2",
            ("email", ALICE.email),
            ("email", "test@example.com"),
            at=5,
            shoe="42",
            firstName="A.",
            lastName="ARCHER",
        ),
    )
    assert a.profile_id == b.profile_id
    person = known.one(a.profile_id)
    assert person is not None
    golden = {one.name: one for one in person.golden}
    assert golden["lastName"].value == ALICE.last
    assert golden["lastName"].rule == "well_written"
    assert golden["lastName"].record_id == a.record_id
    assert golden["firstName"].data_class == "identifying"
    assert (golden["shoe"].value, golden["shoe"].data_class) == ("42", "undeclared")
    assert golden["country"].data_class == "fact"
    found = {(one.kind, one.value, one.retired) for one in person.identifiers}
    assert ("email", ALICE.email, "") in found
    assert ("email", "test@example.com", "junk") in found
    assert ("user_id", "2", "") in found
    assert [link.rule for link in profiles.links_of(a.profile_id)] == ["same_email"]
    assert [(one.key_kind, one.key) for one in person.records] == [
        ("user_id", "1"),
        ("user_id", "2"),
    ]
    assert profiles.find("email", f" {ALICE.email.upper()}") == [a.profile_id]
    assert profiles.find("email", CHARLIE.email) == []
    asked = [
        ("email", CHARLIE.email),
        ("user_id", "2"),
        ("email", "no address"),
        ("email", ALICE.email),
        ("user_id", "1"),
    ]
    for name, id in (("shop", SHOP), ("crm", CRM)):  # in whose name spaces user ids are looked for
        Source.objects.create(id=id, name=name, namespace=id.hex)
    assert profiles.find_many(asked) == [[], [a.profile_id], [], [a.profile_id], [a.profile_id]]
    assert [one["record"] for one in profiles.export([a.record_id])] == [str(a.record_id)]
