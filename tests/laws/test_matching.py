"""Laws of the matching engine: one pair weighs what it weighs among many, order does not matter, nobody is chained."""

import os
import random
from functools import cache
from itertools import combinations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.matching.linking import link
from identity.matching.model import Model
from identity.matching.partition import partition
from identity.matching.prepare import prepare
from identity.matching.scoring import HOPELESS, Scorer, score, score_many
from identity.matching.table import Table, build
from identity.matching.texts import Texts
from identity.matching.training import train
from tests.people import CAST

BUDGET = settings(max_examples=int(os.environ.get("CASES", "100")), deadline=None)
KINDS = ("given_name", "family_name", "date_of_birth", "email", "phone", "street", "postcode", "city", "other:note")
GIVEN = ("Robert", "Bob", "Rob", "Alice", "Alicia", "A", "Maria Anna", "Jürgen", "Щербак", "test")
FAMILY = ("Archer", "Arcer", "van der Berg", "Baker-Archer", "Chandler jr", "O'Neil", "Robert")
BORN = ("1984-03-02", "1984-02-03", "02/03/1984", "1984", "1984-01-01", "1948-03-02", "84-99-99", "2 March 1984")
MAIL = ("alice@example.com", "Alice+x@example.org", "alcie@example.com", "bob@example.com", "nobody")
PHONE = ("+1 202-555-0101", "2025550101", "(202) 555-0110", "0000")
STREET = ("12 Old Road", "12 old rd", "14 Old Road", "Old Road", "12 Odl Road flat 3")
POST = ("ab1 2cd", "AB12CD", "ab1 2ce", "zz9 9zz", "10115")
VALUES = {
    "given_name": GIVEN, "family_name": FAMILY, "date_of_birth": BORN, "email": MAIL, "phone": PHONE, "street": STREET,
    "postcode": POST, "city": ("London", "Londn", "Paris"), "other:note": ("a long note of words", "words of a long note", "x"),
}  # fmt: skip
raws = st.fixed_dictionaries(
    {}, optional={kind: st.lists(st.sampled_from(values), min_size=1, max_size=2) for kind, values in VALUES.items()}
)


def crowd(people: int, *, seed: int) -> tuple[list[tuple[str, pa.Array]], list[int]]:
    """Invented people with two or three records each, some values left out or misspelt: columns, and who is who."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnoprstuvz"
    word = lambda n: "".join(draw.choice(letters) for _ in range(n))  # noqa: E731
    givens, families, towns = ([word(6) for _ in range(n)] for n in (40, 80, 12))
    rows: list[list[str | None]] = []
    who = []
    for person in range(people):
        first, last, town = draw.choice(givens), draw.choice(families), draw.choice(towns)
        born = f"{draw.randint(1940, 2005)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
        mail, phone = f"{word(8)}@example.com", f"+1 202 555 {draw.randint(0, 9999):04d}"
        for _ in range(draw.randint(2, 3)):
            slip = first[:2] + first[3] + first[2] + first[4:] if draw.random() < 0.15 else first
            row = [
                slip,
                last,
                born,
                mail,
                phone,
                f"{draw.randint(1, 3)} {town} road",
                str(10000 + person % 97),
                town,
                None,
            ]
            rows.append([None if draw.random() < 0.2 else value for value in row])
            who.append(person)
    return [(kind, pa.array([row[at] for row in rows], pa.string())) for at, kind in enumerate(KINDS)], who


@cache
def model() -> Model:
    """A model of such people."""
    return train(build(crowd(400, seed=7)[0])).model


@BUDGET
@given(one=raws, others=st.lists(raws, min_size=1, max_size=6))
def test_a_pair_weighs_the_same_alone_and_among_others(one, others):
    prepared, candidates = prepare(one), [prepare(other) for other in others]
    many = score_many(model(), prepared, candidates)
    assert [score(model(), prepared, candidate) for candidate in candidates] == many
    assert [score(model(), candidate, prepared).weight_bits for candidate in candidates] == [
        m.weight_bits for m in many
    ]
    for match in many:
        assert match.weight_bits == sum(part.bits + part.rarity_bits for part in match.parts)


@BUDGET
@given(rows=st.lists(raws, min_size=2, max_size=8))
def test_columns_are_prepared_and_weighed_as_records_are(rows):
    kinds = sorted({kind for row in rows for kind in row})
    columns = [
        (kind, pa.array([row[kind][place] if len(row.get(kind, ())) > place else None for row in rows], pa.string()))
        for kind in kinds
        for place in range(max(len(row.get(kind, ())) for row in rows))
    ]
    if not columns:
        return
    table = build(columns, model().reading)
    prepared = [prepare(row, model().reading) for row in rows]
    for at, record in enumerate(prepared):
        assert {name: set(found) for name, found in table.record(at).values.items()} == {
            name: set(found) for name, found in record.values.items()
        }
    pairs = list(combinations(range(len(rows)), 2))
    left, right = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    whole = Scorer(model(), table).bits(left, right)
    few = Scorer(model(), Table.of(prepared)).bits(left, right)
    assert whole.tolist() == few.tolist()
    for (a, b), bits in zip(pairs, whole.tolist(), strict=True):
        weight = score(model(), prepared[a], prepared[b]).weight_bits
        assert bits == np.float32(weight) if bits >= HOPELESS else np.float32(weight) <= bits


graphs = st.dictionaries(
    st.sampled_from(list(combinations(range(9), 2))), st.sampled_from([0.05, 0.3, 0.5, 0.75, 1.0]), max_size=24
)
decided = st.lists(st.sampled_from(list(combinations(range(9), 2))), max_size=3)
facts = st.lists(st.integers(-1, 2), min_size=9, max_size=9)


@BUDGET
@given(graph=graphs, must=decided, cannot=decided, fact=facts, seed=st.randoms(use_true_random=False))
def test_clusters_do_not_hang_on_order_and_keep_what_was_decided(graph, must, cannot, fact, seed):
    def clustered(pairs):
        left, right = (np.array([pair[side] for pair, _ in pairs], dtype=np.int64) for side in (0, 1))
        chances = np.array([chance for _, chance in pairs], dtype=np.float64)
        codes = [np.array(fact, dtype=np.int64)]
        return partition(9, left, right, chances, threshold=0.4, must=must, cannot=cannot, exclusive=codes)

    pairs = list(graph.items())
    found = clustered(pairs)
    seed.shuffle(pairs)
    again = clustered([((b, a), chance) if seed.random() < 0.5 else ((a, b), chance) for (a, b), chance in pairs])
    assert found.cluster.tolist() == again.cluster.tolist()
    assert found.certainty.tolist() == again.certainty.tolist()
    for a, b in cannot:
        assert found.cluster[a] != found.cluster[b]
    if not cannot:
        assert all(found.cluster[a] == found.cluster[b] for a, b in must)
    if not must:
        for cluster in set(found.cluster.tolist()):
            assert len({code for code, at in zip(fact, found.cluster, strict=True) if at == cluster and code >= 0}) < 2


def test_strangers_are_not_chained_by_who_knows_both():
    left, right = np.array([0, 1, 2, 0]), np.array([1, 2, 3, 2])
    found = partition(4, left, right, np.array([0.9, 0.9, 0.9, 0.01]), threshold=0.5)
    assert found.cluster[0] != found.cluster[2]


def test_a_value_that_many_share_chains_nobody():
    columns, who = crowd(300, seed=11)
    named = dict(columns)
    shared = pa.array([one if at % 3 else "frontdesk@example.com" for at, one in enumerate(named["email"].to_pylist())])
    named["email"] = shared
    named["date_of_birth"] = pa.array(
        [one if at % 4 else "1900-01-01" for at, one in enumerate(named["date_of_birth"].to_pylist())]
    )
    found = link(build(list(named.items())))
    assert found.model.reading.junk["email"] == ("frontdesk@example.com",)
    assert found.model.reading.junk["date_of_birth"] == ("1900-01-01",)
    cluster = found.partition.cluster.tolist()
    people = {one: {who[at] for at, other in enumerate(cluster) if other == one} for one in set(cluster)}
    assert max(map(len, people.values())) <= 2
    assert sum(len(one) > 1 for one in people.values()) <= 6


def test_the_same_rows_give_the_same_model_which_survives_its_own_json():
    columns, who = crowd(200, seed=3)
    first, second = link(build(columns)), link(build(columns))
    assert first.model.to_json() == second.model.to_json()
    assert Model.from_json(first.model.to_json()) == first.model
    again = link(build(columns, first.model.reading), model=Model.from_json(first.model.to_json()))
    assert again.partition.cluster.tolist() == first.partition.cluster.tolist()
    same = [(a, b) for a, b in combinations(range(len(who)), 2) if who[a] == who[b]]
    cluster = first.partition.cluster
    assert sum(cluster[a] == cluster[b] for a, b in same) > 0.9 * len(same)


def test_the_cast_stays_three_people():
    records = [
        prepare({"given_name": [p.first], "family_name": [p.last], "email": [p.email], "date_of_birth": [p.birthday]})
        for p in CAST
    ]
    for a, b in combinations(records, 2):
        assert score(model(), a, b).probability < 0.01
    assert score(model(), records[0], records[0]).probability > 0.99


@BUDGET
@given(graph=graphs, threshold=st.sampled_from([0.35, 0.5]))
def test_linking_all_components_at_once_is_linking_them_one_by_one(graph, threshold):
    pairs = np.array(list(graph), dtype=np.int64).reshape(-1, 2)
    chances = np.array(list(graph.values()), dtype=np.float64)
    at_once = partition(9, pairs[:, 0], pairs[:, 1], chances, threshold=threshold)
    # What was decided is looked at one by one; that a record is not itself forbids nothing.
    singly = partition(
        9, pairs[:, 0], pairs[:, 1], chances, threshold=threshold, cannot=[(node, node) for node in range(9)]
    )
    assert at_once.cluster.tolist() == singly.cluster.tolist()
    assert at_once.certainty.tolist() == singly.certainty.tolist()


@BUDGET
@given(texts=st.lists(st.text("abcx19é ", max_size=12), min_size=2, max_size=60))
def test_what_is_spared_by_a_bound_would_not_have_reached_it(texts):
    texts = [" ".join(text.split()) or "a" for text in texts]  # as spellings are
    known = Texts(texts)
    left, right = (np.repeat(np.arange(len(texts)), len(texts)), np.tile(np.arange(len(texts)), len(texts)))
    times = 2_000 // len(left) + 1  # few pairs are measured without bounds
    many = np.tile(left, times), np.tile(right, times)
    for measure in (
        lambda a, b: known.distance(a, b, 1),
        lambda a, b: known.distance(a, b, 2),
        lambda a, b: known.likeness(a, b, 0.75),
        lambda a, b: known.likeness(a, b, 0.88),
        lambda a, b: known.sorted_ratio(a, b, 55.0),
    ):
        singly = [measure(left[at : at + 100], right[at : at + 100]) for at in range(0, len(left), 100)]
        assert measure(*many)[: len(left)].tolist() == np.concatenate(singly).tolist()
