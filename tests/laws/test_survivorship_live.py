"""Laws of survivorship as stored: whatever rules people choose and whatever they type, in between whatever arrives, a rebuild
finds nothing; merging and parting, and erasing, keep typed values where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.audit import Actor
from cdp.catalogue.declare import declare_named
from identity import decide, known, manual, recompute, survivorship
from identity.erase import erase
from identity.models import Record
from identity.rebuild import rebuild
from identity.strategies import STRATEGIES, Rule
from tests.identity.cases import LATER, rows
from tests.laws.test_identity_live import BUDGET, load, state, undone, worlds

pytestmark = pytest.mark.django_db
STEWARD = Actor("user", "1", role="steward")
REASON = "The customer said so on the phone"
TRAITS = ["firstName", "lastName", "birthday", "country"]

steps = st.lists(st.sampled_from(sorted(STRATEGIES)), min_size=1, max_size=3, unique=True)
rulings = st.tuples(st.just("rule"), st.sampled_from(TRAITS), st.one_of(st.none(), steps))
typings = st.tuples(
    st.just("type"), st.integers(0, 30), st.sampled_from(["firstName", "lastName"]), st.sampled_from([None, "Alba", "Zoe"])
)  # fmt: skip
typed_facts = st.tuples(st.just("type"), st.integers(0, 30), st.just("country"), st.sampled_from([None, "BE", "NL"]))
arrivals = st.tuples(st.just("arrive"), worlds)
merges = st.tuples(st.just("merge"), st.integers(0, 30), st.integers(0, 30))
lives = st.lists(st.one_of(arrivals, rulings, typings, typed_facts, merges), min_size=1, max_size=7)


def home(number):
    """One of the profiles, or None."""
    ids = [row[0] for row in rows("SELECT id FROM identity_profile ORDER BY id")]
    return ids[number % len(ids)] if ids else None


def apply_rules():
    """What the job does; rules need no time to settle within one process."""
    for [rule_id] in rows("SELECT id FROM identity_attributerule WHERE finished_at IS NULL ORDER BY id DESC"):
        while recompute.step(rule_id, at=LATER):
            pass


def choose(trait, chosen):
    survivorship.change(trait, Rule(tuple(chosen)) if chosen else None, by=STEWARD, at=LATER)
    apply_rules()


def act(one):
    kind = one[0]
    if kind == "arrive":
        load(one[1], [3])
    elif kind == "rule":
        choose(*one[1:])
    elif kind == "type" and home(one[1]):
        manual.correct(home(one[1]), {one[2]: one[3]}, by=STEWARD, at=LATER, reason=REASON)
    elif kind == "merge":
        a, b = home(one[1]), home(one[2])
        if a and b and a != b:
            left, right = (Record.objects.filter(profile_id=it).order_by("id")[0].id for it in (a, b))
            decide.must_link(left, right, by=STEWARD, at=LATER)


def typed():
    """What each profile has typed, by its id."""
    found = {}
    for [id] in rows("SELECT id FROM identity_profile"):
        person = known.one(id)
        found[id] = {it.name: it.value for it in person.golden if it.typed}
    return found


@BUDGET
@given(worlds, lives)
def test_a_rebuild_finds_nothing_whatever_was_chosen_and_typed(world, life):
    with undone():
        load(world, [5])
        for one in life:
            act(one)
        before = state()
        assert rebuild(check=True, at=LATER) == 0
        assert state() == before


@BUDGET
@given(worlds, lives, st.data())
def test_typed_values_survive_a_merge_and_come_back_when_it_is_undone(world, life, data):
    with undone():
        load(world, [])
        for one in life:
            act(one)
        before, values = state(links=False), typed()
        a, b = (home(data.draw(st.integers(0, 30))) for _ in range(2))
        if a == b:
            return
        try:  # whole profiles: a must-link of two records may take one of them out of its own
            done = decide.same_person(a, b, by=STEWARD, at=LATER)
        except decide.Undecidable:
            return
        if not done.merges:
            return
        merged = typed()[min(a, b)]
        assert merged.keys() == values[a].keys() | values[b].keys()
        decide.undo(done.merges[0], by=STEWARD, at=LATER)
        assert (state(links=False), typed()) == (before, values)


@BUDGET
@given(worlds, st.integers(0, 30))
def test_erasing_the_record_that_keeps_a_typed_value_is_never_having_typed_it(world, number):
    with undone():
        load(world, [])
        id = home(number)
        [[founder]] = rows("SELECT founder FROM identity_profile WHERE id = %s", [id])
        erase_it = lambda: erase([founder], at=LATER)  # noqa: E731
        with undone():
            erase_it()
            without = state()
        manual.correct(id, {"lastName": "Zimmer", "country": "BE"}, by=STEWARD, at=LATER, reason=REASON)
        assert typed()[id] == {"lastName": "Zimmer", "country": "BE"}
        erase_it()
        assert state() == without


@BUDGET
@given(worlds, worlds)
def test_a_typed_value_outlives_what_arrives_later_until_it_is_withdrawn(world, later):
    with undone():
        load(world, [])
        id = home(0)
        manual.correct(id, {"lastName": "Zimmer"}, by=STEWARD, at=LATER, reason=REASON)
        load(later, [4])
        now = known.one(survivor(id))
        assert {it.name: it.value for it in now.golden}["lastName"] == "Zimmer"
        manual.correct(now.id, {"lastName": None}, by=STEWARD, at=LATER, reason=REASON)
        assert not any(it.typed for it in known.one(now.id).golden)
        after = state()
        assert rebuild(check=True, at=LATER) == 0
    with undone():
        load(world, [])
        load(later, [4])
        assert state() == after, "withdrawn is never typed"


def survivor(id):
    """The profile that answers for an id."""
    from identity.profiles import resolve_id

    return resolve_id(id)


def test_union_joins_lists_in_the_database_too():
    declare_named("trait", "interests", "list", "fact", by=STEWARD)
    from tests.identity.cases import CRM, said, see

    a, _ = see(
        said("1", ("email", "alice@example.com"), source=CRM, facts={"interests": ["tea", "art"]}),
        said("2", ("email", "alice@example.com"), at=1, facts={"interests": ["tea", "zoo"]}),
    )
    survivorship.change("interests", Rule(("union",)), by=STEWARD, at=LATER)
    apply_rules()
    [[facts]] = rows("SELECT facts->'interests' FROM identity_profile WHERE id = %s", [a.profile_id])
    assert facts in (["art", "tea", "zoo"], '["art", "tea", "zoo"]')
    [[both]] = rows(
        "SELECT jsonb_array_length(provenance->'interests'->'records') FROM identity_profile WHERE id = %s",
        [a.profile_id],
    )
    assert both == 2
    assert rebuild(check=True, at=LATER) == 0
