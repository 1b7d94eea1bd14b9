"""Laws of clustering, survivorship and merging of traits, without a database."""

import os
from itertools import combinations
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from identity import names, rules, traits
from identity.clusters import Edge, cluster
from identity.golden import golden, stands, survivors
from identity.strategies import DEFAULT, DEFAULTS, STRATEGIES, Candidate, Contribution, Rule
from identity.traits import canonical

BUDGET = settings(max_examples=int(os.environ.get("CASES", "150")), deadline=None)
NODES = list(range(8))
pairs = st.sampled_from(list(combinations(NODES, 2)))


class Words:
    """Judgements drawn by Hypothesis."""

    def __init__(self, said):
        self.said = said

    def __call__(self, a, b):
        word = self.said.get((min(a, b), max(a, b)), "")
        return rules.Verdict(veto=word == "veto", doubt=word == "doubt", agree=word == "agree")


@st.composite
def graphs(draw):
    edges = draw(
        st.lists(st.tuples(pairs, st.sampled_from([1.0, 2.0, 9.0]), st.booleans(), st.integers(0, 2)), max_size=14)
    )
    said = draw(st.dictionaries(pairs, st.sampled_from(["veto", "doubt", "agree"]), max_size=8))
    cannot = draw(st.lists(pairs, max_size=4))
    unique = {pair: Edge(*pair, weight, must=must and weight == 9.0, age=age) for pair, weight, must, age in edges}
    return list(unique.values()), Words(said), cannot


def run(edges, judge, cannot, nodes=NODES, cap=200):
    return cluster(nodes, edges, order=lambda node: node, judge=judge, cannot=cannot, cap=cap)


@BUDGET
@given(graphs(), st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_order(graph, dice):
    edges, judge, cannot = graph
    shuffled = [Edge(e.right, e.left, e.weight, e.must, e.age) if dice.random() < 0.5 else e for e in edges]
    dice.shuffle(shuffled)
    nodes = dice.sample(NODES, len(NODES))
    assert run(edges, judge, cannot).parts == run(shuffled, judge, cannot, nodes).parts


@BUDGET
@given(graphs())
def test_a_cannot_link_is_never_broken_and_only_a_must_link_outweighs_a_veto(graph):
    edges, judge, cannot = graph
    result = run(edges, judge, cannot)
    home = {node: number for number, part in enumerate(result.parts) for node in part}
    assert all(home[a] != home[b] for a, b in cannot)
    if not any(edge.must for edge in edges):
        assert all(home[a] != home[b] for (a, b), word in judge.said.items() if word == "veto")
    linked = {frozenset((e.left, e.right)) for e in edges}
    for part in result.parts:
        reached, waiting = {part[0]}, [part[0]]
        while waiting:
            node = waiting.pop()
            for other in part:
                if other not in reached and frozenset((node, other)) in linked:
                    reached.add(other)
                    waiting.append(other)
        assert reached == set(part), "a cluster hangs together"
    assert {(a, b) for a, b, _ in result.refused} <= {(e.left, e.right) for e in edges}


@BUDGET
@given(graphs())
def test_the_size_cap_holds(graph):
    edges, judge, cannot = graph
    assert max(len(part) for part in run(edges, judge, cannot, cap=3).parts) <= 3


TRAITS = st.dictionaries(
    st.sampled_from(["firstName", "plan", "address"]),
    st.sampled_from([None, "a", "B", "Bb", 1, {"x": 1}, "\ufffd", {"x": "z\ufffd"}]),
)
TIMES = st.sampled_from(["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"])


@BUDGET
@given(st.lists(st.tuples(TIMES, TRAITS, TRAITS), max_size=6), st.randoms(use_true_random=False))
def test_traits_of_a_record_are_a_function_of_the_set_of_observations(said, dice):
    # One split per name, as the catalogue would do it.
    said = [
        (at, {k: v for k, v in f.items() if k != "firstName"}, {k: v for k, v in s.items() if k == "firstName"})
        for at, f, s in said
    ]
    outcomes = []
    for _ in range(2):
        facts, rest = {}, {}
        for one in said:
            traits.take(facts, rest, one)
            assert not traits.take(facts, rest, one), "the same again changes nothing"
        outcomes.append((facts, rest))
        dice.shuffle(said)
    assert outcomes[0] == outcomes[1]
    for name in {name for _, facts, rest in said for name in {**facts, **rest}}:
        every = [value for _, facts, rest in said for name_, value in {**facts, **rest}.items() if name_ == name]
        stands_ = traits.whole(*outcomes[0], name)
        assert traits.damaged(stands_) == all(map(traits.damaged, every)), "a damaged value never wins"


VALUES = {
    "firstName": st.sampled_from(["Bill", "William", "WILLIAM", "x", "Zo\ufffd"]),
    "plan": st.sampled_from(["free", "pro", "PRO"]),
    "createdAt": st.sampled_from(["2024-01-01", "2025-01-01"]),
    "email": st.sampled_from(["a@example.com", "b@example.com"]),
    "email_verified": st.sampled_from([True, False, "true"]),
    "tags": st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
}
IN_CLEAR = {"plan", "tags"}
RULED = st.dictionaries(
    st.sampled_from(["firstName", "plan", "email", "tags"]),
    st.builds(
        Rule,
        st.one_of(
            st.just(("union",)),
            st.lists(st.sampled_from(sorted(STRATEGIES)), min_size=1, max_size=4, unique=True).map(tuple),
        ),
        st.lists(st.sampled_from([UUID(int=n) for n in range(5)]), max_size=2, unique=True).map(tuple),
    ),
)


@st.composite
def contributions(draw):
    found = []
    for number in range(draw(st.integers(1, 5))):
        names_ = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True))
        stamped = {name: [draw(VALUES[name]), draw(TIMES)] for name in names_}
        facts = {k: v for k, v in stamped.items() if k in IN_CLEAR}
        rest = {k: v for k, v in stamped.items() if k not in IN_CLEAR}
        id = UUID(int=number)
        found.append(Contribution(id, (id, id), draw(st.sampled_from([10, 50])), draw(st.booleans()), facts, rest))
    return found


@BUDGET
@given(contributions(), RULED, st.randoms(use_true_random=False))
def test_the_golden_record_is_a_function_of_the_set_of_records_whatever_the_rules(given_, chosen, dice):
    ruled = {**DEFAULTS, **chosen}
    before = golden(given_, ruled, declared=lambda name: True)
    dice.shuffle(given_)
    after = golden(given_, ruled, declared=lambda name: True)
    assert (before.facts, before.provenance) == (after.facts, after.provenance)
    for one in survivors(given_, ruled):
        assert stands(one.trait, given_, ruled.get(one.trait, DEFAULT)) == one
        [source] = [c for c in given_ if c.record == one.record]
        told = (source.facts.get(one.trait) or source.sealed[one.trait])[0]
        manual = [c for c in given_ if c.manual and (one.trait in c.facts or one.trait in c.sealed)]
        assert bool(manual) == source.manual == (one.rule == "manual"), "a steward's value stands until it is withdrawn"
        if one.rule == "union":
            every = [c.facts[one.trait][0] for c in given_ if one.trait in c.facts] or [
                [c.sealed[one.trait][0]] for c in given_ if one.trait in c.sealed
            ]
            flat = {str(it) for members in every for it in (members if isinstance(members, list) else [members])}
            assert {str(it) for it in one.value} == flat
            assert len(one.value) == len(flat)
            assert one.record in one.records
        else:
            assert told == one.value, "provenance tells the truth"
            others = [(c.facts.get(one.trait) or c.sealed.get(one.trait, [None]))[0] for c in manual or given_]
            assert not traits.damaged(one.value) or all(traits.damaged(it) for it in others if it is not None)


@BUDGET
@given(contributions(), st.sampled_from(sorted(STRATEGIES)))
def test_a_step_never_leaves_a_better_value(given_, step):
    """What stands by one step alone is not outdone in that step by any other value."""
    rule = Rule((step,))
    for one in survivors(given_, dict.fromkeys(VALUES, rule)):
        if one.rule == "manual":
            continue
        others = [c for c in given_ if not c.manual and (one.trait in c.facts or one.trait in c.sealed)]
        found = [Candidate(c, *(c.facts.get(one.trait) or c.sealed[one.trait])[:1], "", "") for c in others]
        for it in found:
            it.at = (it.said.facts.get(one.trait) or it.said.sealed[one.trait])[1]
            it.text = canonical(it.value)
        found = [it for it in found if it.value != ""]
        found = [it for it in found if not traits.damaged(it.value)] or found
        ranks = dict(zip([it.said.record for it in found], STRATEGIES[step](one.trait, rule, found), strict=True))
        assert ranks[one.record] == max(ranks.values()) or one.rule in ("agreed", "undamaged")


PEOPLE = st.builds(
    names.Person,
    st.sampled_from(["", "alice", "alicia", "a", "bob", "robert", "mary ann"]),
    st.sampled_from(["", "archer", "archre", "baker"]),
    st.sampled_from(["", "jr", "sr"]),
    st.one_of(
        st.none(),
        st.dates(min_value=__import__("datetime").date(1950, 1, 1), max_value=__import__("datetime").date(1952, 1, 1)),
    ),
)


@st.composite
def holders(draw):
    kinds = [rules.USER_ID, rules.ANONYMOUS_ID, rules.ROW]
    found = []
    for number in range(draw(st.integers(2, 7))):
        source = UUID(int=draw(st.integers(0, 1)))
        found.append(
            rules.Holder(
                UUID(int=number),
                source,
                draw(st.sampled_from(kinds)),
                (source, UUID(int=100 + number)),
                draw(PEOPLE),
                draw(st.datetimes()),
            )
        )
    return found


@BUDGET
@given(holders(), st.sampled_from(sorted(rules.LABELS)), st.randoms(use_true_random=False))
def test_links_do_not_depend_on_order_and_are_never_vetoed(found, kind, dice):
    before = {(frozenset((a.id, b.id)), w) for a, b, w in rules.links(kind, found)}
    dice.shuffle(found)
    assert {(frozenset((a.id, b.id)), w) for a, b, w in rules.links(kind, found)} == before
    for left, right, _ in rules.links(kind, found):
        verdict = rules.judge(left, right, frozenset({kind}))
        assert verdict == rules.judge(right, left, frozenset({kind}))
        assert not verdict.veto
