"""Laws of likeness as stored: with a model in force, too, order and batching do not matter, a rebuild finds nothing, decisions
hold, erasing is never having had. Blocks hold three records here, so that keys are retired and released all the time."""

import os
from contextlib import contextmanager
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity import decide
from identity.erase import erase
from identity.linking import rows as stored
from identity.prepare import read_all
from identity.rebuild import rebuild
from tests.identity.cases import CRM, LATER, LOYALTY, SHOP, TILL, rows, said
from tests.identity.likeness import in_force
from tests.laws.test_identity_live import STEWARD, load, orders, same_in_any_order, state, undone

pytestmark = pytest.mark.django_db
BUDGET = settings(
    max_examples=int(os.environ.get("CASES", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)

people = st.fixed_dictionaries(
    {},
    optional={
        "firstName": st.sampled_from(["Alice", "Alicia", "Bob", "Charlie"]),
        "lastName": st.sampled_from(["Archer", "Baker"]),
        "birthday": st.sampled_from(["1984-03-02", "1960-01-05"]),
        "postalCode": st.sampled_from(["1011 AB", "1011 AC", "2000"]),
        "email": st.sampled_from(["alice@example.com", "family@example.org", "test@example.com"]),
    },
)


@st.composite
def observations(draw):
    traits = draw(people)
    known = [("email", traits["email"])] if "email" in traits and draw(st.booleans()) else []
    kind = draw(st.sampled_from(["user_id", "user_id", "anonymous_id"]))
    return said(
        draw(st.sampled_from(["1", "2", "3"])),
        *known,
        source=draw(st.sampled_from([SHOP, CRM, LOYALTY, TILL])),
        kind=kind,
        at=draw(st.integers(0, 6)),
        **traits,
    )


worlds = st.lists(observations(), min_size=1, max_size=14)


@contextmanager
def alike(limit=3):
    """A world with a model in force that leaves nothing behind."""
    with undone(), in_force(limit=limit):
        yield


def everything(*, links=True, keys=True):
    """All that identity and matching know, by record keys instead of ids."""
    names = {
        id: (str(source), str(digest))
        for id, source, digest in rows("SELECT id, source_id, key_digest FROM identity_record")
    }
    found = state(links=links)
    asked = rows("SELECT left_id, right_id, reason, bits, state FROM identity_review")
    found.append(sorted((sorted((names[a], names[b])), *rest) for a, b, *rest in asked))
    if keys:
        values = stored.prepared(list(names))
        found.append(
            sorted(
                (names[id], repr(values.get(id)), own)
                for id, own in rows("SELECT record_id, keys FROM identity_matchrow")
            )
        )
        found.append(sorted((key, names[id]) for key, id in rows("SELECT key, record_id FROM identity_matchkey")))
        found.append(sorted(rows("SELECT key, n FROM identity_retiredkey")))
    return found


@BUDGET
@given(*orders)
def test_order_and_batching_do_not_matter_and_a_rebuild_finds_nothing(world, cuts, other_cuts, dice):
    same_in_any_order(alike, everything, world, cuts, other_cuts, dice)


@BUDGET
@given(worlds)
def test_what_was_broken_is_rebuilt_from_records_alone(world):
    with alike():
        load(world, [5])
        before = everything()
        for query in (
            "DELETE FROM identity_link WHERE rule = 'similar' RETURNING 1",
            "DELETE FROM identity_review RETURNING 1",
            "DELETE FROM identity_matchkey WHERE key %% 2 = 0 RETURNING 1",
            "DELETE FROM identity_retiredkey RETURNING 1",
            "UPDATE identity_matchrow SET keys = '{1}' WHERE model_version = 1 RETURNING 1",
        ):
            rows(query, [])
        rebuild(at=LATER)
        assert everything() == before
        assert rebuild(check=True, at=LATER) == 0


@BUDGET
@given(worlds, st.data())
def test_merge_then_unmerge_is_the_identity(world, data):
    with alike():
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
        assert {row[0]: row[1] for row in rows("SELECT id, profile_id FROM identity_record")} == homes
        assert rebuild(check=True, at=LATER) == 0


@BUDGET
@given(worlds, worlds, st.data())
def test_a_cannot_link_is_never_broken(world, later, data):
    with alike():
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


@BUDGET
@given(worlds, st.data())
def test_erasing_a_record_is_never_having_had_it(world, data):
    place = data.draw(st.sampled_from(world))
    where = (place.source_id, place.key_kind, place.key)
    rest = [one for one in world if (one.source_id, one.key_kind, one.key) != where]
    with alike():
        load(world, [])
        read_all([place])
        digest = place.read.key.digest
        [[id]] = rows(
            "SELECT id FROM identity_record WHERE source_id = %s AND key_digest = %s", [place.source_id, digest]
        )
        erase([id], at=LATER)
        after = everything()
        assert rebuild(check=True, at=LATER) == 0
    with alike():
        load(rest, [])
        assert everything() == after


STRANGERS = st.lists(
    st.fixed_dictionaries(
        {"firstName": st.sampled_from(["Alice", "Bob", "Charlie", "Dora", "Emil"])},
        optional={
            "lastName": st.sampled_from(["Archer", "Baker", "Chandler"]),
            "birthday": st.sampled_from(["1984-03-02", "1960-01-05", "1991-07-15"]),
            "postalCode": st.just("1011 AB"),
        },
    ),
    min_size=2,
    max_size=8,
)


@BUDGET
@given(STRANGERS, st.sampled_from(["test@example.com", "office@example.com"]))
def test_strangers_are_never_chained_by_a_shared_or_junk_value(strangers, mailbox):
    """Customers of one source who share a mailbox that more hold than can be one person, or that says nothing."""
    filling = [said(f"f{n}", ("email", mailbox), source=CRM, firstName=f"Nobody{n}", email=mailbox) for n in range(3)]
    world = [
        said(str(n), ("email", mailbox), source=SHOP if n % 2 else LOYALTY, email=mailbox, **one)
        for n, one in enumerate(strangers)
    ]
    with alike(limit=40):
        load([*world, *filling], [2])
        home = dict(rows("SELECT key_digest, profile_id FROM identity_record"))
        for one in world:
            read_all([one])
        for (one, a), (other, b) in combinations([(it, home[it.read.key.digest]) for it in world], 2):
            if one.sealed["firstName"] != other.sealed["firstName"]:
                assert a != b
        assert not rows("SELECT 1 FROM identity_link WHERE rule = 'same_email'")
