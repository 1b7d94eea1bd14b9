"""The yardstick itself, on cases small enough to count by hand."""

import pytest

from cdp.demo.scoring import Resolved, b_cubed, largest, misses, pairwise, wrong_pairs


def resolved(*rows: tuple[str, str] | tuple[str, str, str]) -> list[Resolved]:
    return [Resolved(row[0], row[1], row[2] if len(row) == 3 else "exact") for row in rows]


def test_all_right_scores_one() -> None:
    records = resolved(("alice", "p1"), ("alice", "p1"), ("bob", "p2"))
    assert b_cubed(records).f1 == pairwise(records).f1 == 1.0
    assert misses(records, beyond=frozenset()) == []


def test_a_person_in_two_profiles_costs_recall_alone() -> None:
    records = resolved(("alice", "p1"), ("alice", "p1"), ("alice", "p2"), ("bob", "p3"))
    cubed, pairs = b_cubed(records), pairwise(records)
    assert cubed.precision == 1.0
    # Alice's records see 2/3, 2/3 and 1/3 of her, Bob's all of him.
    assert cubed.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert (pairs.precision, pairs.recall) == pytest.approx((1, 1 / 3))


def test_two_people_in_a_profile_cost_precision_alone() -> None:
    records = resolved(("alice", "p1"), ("alice", "p1"), ("bob", "p1"))
    cubed, pairs = b_cubed(records), pairwise(records)
    assert cubed.recall == 1.0
    assert cubed.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert (pairs.precision, pairs.recall) == pytest.approx((1 / 3, 1))
    assert wrong_pairs(records) == (2, 1)
    assert largest(records) == 3


def test_a_miss_is_explained_by_the_tag_that_exact_links_cannot_reach() -> None:
    records = resolved(
        ("alice", "p1"), ("alice", "p1"), ("alice", "p2", "changed_email"), ("bob", "p3"), ("bob", "p4")
    )  # fmt: skip
    found = {
        miss.tag: (miss.records, miss.people, miss.pairs)
        for miss in misses(records, beyond=frozenset({"changed_email"}))
    }
    assert found == {"changed_email": (1, 1, 2), "guarded": (2, 1, 1)}


def test_no_records_are_no_fault() -> None:
    assert b_cubed([]).f1 == pairwise([]).f1 == 1.0
