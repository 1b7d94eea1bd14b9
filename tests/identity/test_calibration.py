"""Probabilities mean what they say on files so large that only narrow blocks can be afforded."""

import csv
import json
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from identity import linkrun
from identity.matching import blocking, labels, training
from identity.matching.scoring import Scorer, probabilities
from identity.matching.table import Column, Table
from tests.benchmarks.bench_link import b_cubed, calibration, people

KINDS = ("id", "given_name", "family_name", "date_of_birth", "email", "phone", "street", "city", "postcode")


@pytest.fixture
def narrow(tmp_path, monkeypatch):
    """(outcome, truth, what was said) of a file resolved with blocks as narrow as those of millions of records. Mailboxes are
    made of names, so namesakes share them."""
    monkeypatch.setattr(training, "limit_for", lambda codes: 15)
    who = people(tmp_path / "records.csv", 30_000)
    (tmp_path / "schema.json").write_text(json.dumps({"columns": {kind: kind for kind in KINDS}}))
    said: list[tuple[str, float]] = []
    outcome = linkrun.run(
        tmp_path / "records.csv", schema=tmp_path / "schema.json", out=tmp_path / "out.csv", threshold=None, labels=None,
        model=None, say=lambda what, done: said.append((what, done)),
    )  # fmt: skip
    return outcome, {str(at): str(one) for at, one in enumerate(who.tolist())}, said


def test_narrow_blocks(narrow):
    outcome, truth, said = narrow
    linked, ids = outcome.linked, outcome.records.ids
    kept = linked.probability >= 0.01
    rows = zip(linked.left[kept].tolist(), linked.right[kept].tolist(), linked.probability[kept].tolist(), strict=True)
    assert calibration([(ids[a], ids[b], p) for a, b, p in rows], truth) < 0.05
    # Who is one person has one phone here: other numbers in narrow blocks are those of others, and teach nothing.
    fields = {one.name: one for one in linked.model.fields}
    assert fields["phone"].m[0] > 0.98
    assert fields["date_of_birth"].m[0] > 0.98
    assert 0.8 < fields["given_name"].m[0] < 0.9  # every twelfth is slipped, on either side
    # Progress is told within the phases, and never goes back.
    done = [one for _, one in said]
    assert done == sorted(done)
    assert len(done) > 50
    assert max(b - a for a, b in pairwise(done)) <= 0.1


def test_mailboxes_of_names_are_weak(narrow):
    """The same name and the same mailbox made of it: no more than so many who have that mailbox."""
    outcome, truth, _ = narrow
    linked, ids = outcome.linked, outcome.records.ids
    names = [one.name for one in linked.model.fields]
    levels = linked.scorer.comparer.levels(linked.left, linked.right)
    only = np.ones(len(levels), dtype=bool)
    for at, name in enumerate(names):
        if name in ("given_name", "family_name", "email"):
            only &= levels[:, at] == 1
        elif name != "postcode":
            only &= levels[:, at] == 0
    right = [truth[ids[a]] == truth[ids[b]] for a, b in zip(linked.left[only], linked.right[only], strict=True)]
    assert len(right) > 100
    assert abs(float(linked.probability[only].mean()) - float(np.mean(right))) < 0.25


def test_what_was_found_wrong_says_nothing_of_how_common_that_is(narrow):
    """A steward put right what was wrong, and answered nothing else: that must not part all others."""
    outcome, truth, _ = narrow
    linked, ids = outcome.linked, outcome.records.ids
    right = np.array([truth[ids[a]] == truth[ids[b]] for a, b in zip(linked.left, linked.right, strict=True)])
    joined, draw = linked.probability >= 0.9, np.random.default_rng(1)
    chosen = np.concatenate(
        [draw.choice(np.flatnonzero(joined & which), n, replace=False) for which, n in ((~right, 20), (right, 4))]
    )
    pairs = linked.left[chosen].astype(np.int64), linked.right[chosen].astype(np.int64), right[chosen]

    def after(drawn):
        said = labels.Decisions(*pairs, np.full(24, drawn), np.ones(24))
        stage = labels.stage(linked.model, linked.scorer, said)
        model = msgspec.structs.replace(linked.model, stage=stage)
        again = Scorer(model, linked.table, linked.scorer.comparer, linked.scorer.rarities)
        found = probabilities(again.bits(linked.left, linked.right))
        return stage.offset, right[found >= 0.9].mean(), right[found >= 0.9].sum() / right.sum(), found

    precision, recall = right[joined].mean(), right[joined].sum() / right.sum()
    offset, precise, kept, found = after(drawn=False)
    assert offset == pytest.approx(0, abs=1e-6)
    assert precise > precision - 0.01
    assert kept > recall - 0.03
    before, expected = (it[it >= 0.9].sum() / it.sum() for it in (linked.probability, found))
    assert abs(expected - kept) < abs(before - recall) + 0.03
    # As if it had been drawn whatever the answer: then it would be so common.
    offset, _, lost, _ = after(drawn=True)
    assert offset < -1
    assert lost < kept - 0.05


def test_sample_of_a_part():
    codes = blocking.Codes(
        Table(7, {"city": Column(["a", "b", "c"], np.array([[0], [0], [1], [0], [-1], [2], [2]], dtype=np.int32))}),
        blocking.parts_of({"city": "text"}),
    )
    draw = np.random.default_rng(1)

    def pairs(most: int, budget: int) -> set[tuple[int, int]]:
        left, right = blocking.sample(codes, "city", most, budget, draw)
        return set(zip(left.tolist(), right.tolist(), strict=True))

    assert pairs(100, 100) == {(0, 1), (0, 3), (1, 3), (5, 6)}
    assert pairs(100, 2) == {(5, 6)}  # the three of one value alone are more
    assert pairs(100, 0) == set()
    assert {one for _ in range(100) for one in pairs(1, 100)} == {(0, 1), (0, 3), (1, 3), (5, 6)}


def test_firms_of_one_street_are_apart(tmp_path):
    """What is no person has neighbours and a kind, too: town and trade do not make two firms one."""
    draw = np.random.default_rng(4)
    trades = ["bakery", "garage", "printers", "software", "travel", "optics"]
    towns = [(f"{name}ton", str(20000 + at)) for at, name in enumerate(("alder", "birk", "elm", "fir", "hazel"))]
    rows, truth = ["id,name,street,city,postcode,phone"], {}
    for who in range(1200):
        letters = "".join(draw.choice(list("abdeiklmnorstu"), 7))
        name, (town, post) = f"{letters} {draw.choice(trades)}", towns[draw.integers(5)]
        street, phone = f"{draw.integers(1, 90)} mill road", f"030{draw.integers(10**6, 10**7)}"
        for copy in range(int(draw.integers(1, 3))):
            written = f"{name[:3]}{name[4:]}" if copy and draw.random() < 0.4 else name
            shown = phone if draw.random() < 0.6 else ""
            truth[str(len(rows))] = str(who)
            rows.append(f"{len(rows)},{written} ltd,{street},{town},{post},{shown}")
    (tmp_path / "records.csv").write_text("\n".join(rows))
    kinds = {kind: kind for kind in ("id", "street", "city", "postcode", "phone")}
    (tmp_path / "schema.json").write_text(json.dumps({"columns": {**kinds, "name": "other"}}))
    linkrun.run(
        tmp_path / "records.csv", schema=tmp_path / "schema.json", out=tmp_path / "out.csv", threshold=None, labels=None,
        model=None, say=lambda what, done: None,
    )  # fmt: skip
    with (tmp_path / "out.csv").open(newline="") as file:
        found = {row["id"]: row["cluster_id"] for row in csv.DictReader(file)}
    assert b_cubed(found, truth) > 0.97
