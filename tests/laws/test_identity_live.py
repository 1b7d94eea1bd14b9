"""Laws of identity as stored: order, batching and rebuilding do not matter; decisions hold; what was merged can be undone."""

import json
import os
from contextlib import contextmanager
from itertools import pairwise
from unittest import mock

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.audit import Actor
from cdp.catalogue import snapshot
from identity import decide, rules
from identity.erase import erase
from identity.prepare import read_all
from identity.rebuild import rebuild
from tests.identity.cases import CRM, LATER, LOYALTY, SHOP, rows, said, see

pytestmark = pytest.mark.django_db
BUDGET = settings(
    max_examples=int(os.environ.get("CASES", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)
STEWARD = Actor("user", "1", role="steward")

GIVEN = st.sampled_from(["", "Alice", "Ali", "Bob", "Robert"])
people = st.fixed_dictionaries(
    {},
    optional={
        "firstName": GIVEN,
        "lastName": st.sampled_from(["Archer", "Baker"]),
        "birthday": st.sampled_from(["1984-03-02", "1984-02-03", "1960-01-05"]),
    },
)
identifiers = st.lists(
    st.one_of(
        st.tuples(st.just("email"), st.sampled_from(["alice@example.com", "family@example.org", "test@example.com"])),
        st.tuples(st.just("phone"), st.sampled_from(["202-555-0101", "202-555-0102"])),
        st.tuples(st.just("anonymous_id"), st.sampled_from(["tablet", "phone"])),
        st.tuples(st.just("user_id"), st.sampled_from(["1", "2"])),
        st.tuples(st.just("customer_number"), st.sampled_from(["C1", "C2"])),
    ),
    max_size=3,
)


@st.composite
def observations(draw):
    kind = draw(st.sampled_from(["user_id", "user_id", "anonymous_id"]))
    key = draw(st.sampled_from(["1", "2", "3", "4"] if kind == "user_id" else ["tablet", "phone"]))
    return said(
        key,
        *draw(identifiers),
        source=draw(st.sampled_from([SHOP, CRM, LOYALTY])),
        kind=kind,
        at=draw(st.integers(0, 6)),
        facts=draw(st.fixed_dictionaries({}, optional={"country": st.sampled_from(["NL", "DE"])})),
        **draw(people),
    )


worlds = st.lists(observations(), min_size=1, max_size=14)


@contextmanager
def undone():
    """A transaction that leaves nothing behind. Values are shared too widely from the third customer on."""
    few = dict.fromkeys((rules.EMAIL, rules.PHONE, rules.ANONYMOUS_ID), 2)
    try:
        with mock.patch.dict(rules.LIMIT, few), transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        snapshot.forget()  # rules that were chosen never were


def state(*, links=True):
    """All that identity knows, by record keys instead of ids."""
    key = {
        id: (str(source), str(digest))
        for id, source, digest in rows("SELECT id, source_id, key_digest FROM identity_record")
    }
    home = {}
    for record, profile in rows("SELECT id, profile_id FROM identity_record"):
        home.setdefault(profile, set()).add(key[record])
    names = {str(id): name for id, name in key.items()}
    golden = []
    for profile, facts, provenance, count in rows("SELECT id, facts, provenance, records FROM identity_profile"):
        facts, provenance = json.loads(facts), json.loads(provenance)
        golden.append(
            (
                sorted(home[profile]),
                facts,
                {k: (names[v["record"]], v["rule"], v["at"]) for k, v in provenance.items()},
                count,
            )
        )
    found = [sorted(golden, key=repr)]
    found.append(sorted(rows("SELECT kind, digest::text, reason, holders FROM identity_retiredvalue")))
    if links:
        edges = rows("SELECT left_id, right_id, rule, weight FROM identity_link")
        found.append(sorted((sorted((key[a], key[b])), rule, weight) for a, b, rule, weight in edges))
    parties = rows(
        """SELECT party_id, digest FROM consent_party
           WHERE valid_to IS NULL AND digest IN (SELECT digest FROM identity_evidence)"""
    )
    grouped = {}
    for party, digest in parties:
        grouped.setdefault(party, []).append(str(digest))
    found.append(sorted(sorted(digests) for digests in grouped.values()))
    return found


def load(world, cuts):
    """Observes a world in batches cut at these places."""
    edges = [0, *sorted(cut % (len(world) + 1) for cut in cuts), len(world)]
    for start, end in pairwise(edges):
        if start < end:
            for one in world[start:end]:
                one.read = None
            see(*world[start:end])


# A world, where its batches are cut, where those of another order are, and the dice for that order.
orders = (
    worlds,
    st.lists(st.integers(0, 20), max_size=5),
    st.lists(st.integers(0, 20), max_size=14),
    st.randoms(use_true_random=False),
)


def same_in_any_order(stage, look, world, cuts, other_cuts, dice):
    """The law of order, of what `look` sees, each time on a `stage` of its own; a rebuild finds nothing."""
    with stage():
        load(world, cuts)
        before = look()
        assert rebuild(check=True, at=LATER) == 0
        assert look() == before
    shuffled = dice.sample(world, len(world))
    with stage():
        load(shuffled, other_cuts)
        assert look() == before


@BUDGET
@given(*orders)
def test_order_and_batching_do_not_matter_and_a_rebuild_finds_nothing(world, cuts, other_cuts, dice):
    same_in_any_order(undone, state, world, cuts, other_cuts, dice)


@BUDGET
@given(worlds, st.randoms(use_true_random=False))
def test_what_was_broken_is_rebuilt_from_records_and_evidence_alone(world, dice):
    with undone():
        load(world, [5])
        before = state()
        rows_before = len(rows("SELECT 1 FROM identity_link"))
        for query in (
            "DELETE FROM identity_link WHERE id %% 2 = 0 RETURNING 1",
            "UPDATE identity_profile SET facts = '{}' RETURNING 1",
        ):
            rows(query, [])
        differences = rebuild(at=LATER)
        assert state() == before
        assert rebuild(check=True, at=LATER) == 0
        assert differences > 0 or rows_before < 2


@BUDGET
@given(worlds, st.data())
def test_merge_then_unmerge_is_the_identity(world, data):
    with undone():
        load(world, [])
        ids = sorted(rows("SELECT id, profile_id, source_id, key_digest FROM identity_record"), key=lambda row: row[2:])
        before, homes = state(links=False), {row[0]: row[1] for row in ids}
        a, b = data.draw(st.sampled_from(ids)), data.draw(st.sampled_from(ids))
        if a[1] == b[1]:
            return
        done = decide.must_link(a[0], b[0], by=STEWARD, at=LATER)
        assert done.merges
        decide.undo(done.merges[0], by=STEWARD, at=LATER)
        assert state(links=False) == before
        assert {row[0]: row[1] for row in rows("SELECT id, profile_id FROM identity_record")} == homes, (
            "the old ids again"
        )
        assert rebuild(check=True, at=LATER) == 0


@BUDGET
@given(worlds, worlds, st.data())
def test_a_cannot_link_is_never_broken(world, later, data):
    with undone():
        load(world, [])
        ids = sorted(rows("SELECT id, source_id, key_digest FROM identity_record"), key=lambda row: row[1:])
        if len(ids) < 2:
            return
        a, b = data.draw(st.permutations(ids))[:2]
        decide.cannot_link(a[0], b[0], by=STEWARD, at=LATER)
        load(later, [3])
        rebuild(at=LATER)
        home = dict(rows("SELECT id, profile_id FROM identity_record"))
        assert home[a[0]] != home[b[0]]
        dangling = rows("SELECT 1 FROM identity_redirect WHERE new_id NOT IN (SELECT id FROM identity_profile)")
        assert not dangling


@BUDGET
@given(worlds, st.data())
def test_erasing_a_record_is_never_having_had_it(world, data):
    place = data.draw(st.sampled_from(world))
    where = (place.source_id, place.key_kind, place.key)
    rest = [one for one in world if (one.source_id, one.key_kind, one.key) != where]
    with undone():
        load(world, [])
        read_all([place])
        digest = place.read.key.digest
        [[id]] = rows(
            "SELECT id FROM identity_record WHERE source_id = %s AND key_digest = %s", [place.source_id, digest]
        )
        erase([id], at=LATER)
        after = state()
        assert rebuild(check=True, at=LATER) == 0
    with undone():
        load(rest, [])
        assert state() == after
