"""Law: whatever happens, in whatever order and however much is forgotten in between, the memberships that follow live are those
that a rebuild computes, and no stored moment is late."""

import os
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments import live
from tests.segments.following import CART, ORDER, VIEW, Undo, World, prepare

CASES = int(os.environ.get("CASES", "200"))
WHO, PROFILE, PLACE = st.integers(0, 2), st.integers(0, 1), st.sampled_from([1, -1])
LIMIT = st.integers(1, 3)
# Few moments, few values, mostly of one record: ties, events out of turn and edges of windows are common, and pasts are long.
# One slot to come: a clock that is ahead.
EVENT = st.tuples(
    st.just("event"),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([ORDER, ORDER, VIEW, VIEW, CART]),
    st.sampled_from([0, 0, 0, 1, 2, 3, 6, 9, -1]),
    st.sampled_from([1, 5.5, 0.1, 12, 30]),
    PLACE,
)
FOLLOW = st.tuples(st.just("follow"), LIMIT)
SETTLE = st.tuples(st.just("settle"))
TIME = st.tuples(st.sampled_from(["time", "time", "later"]), st.integers(1, 4))
SPECIAL = (
    st.tuples(st.just("move"), WHO, PROFILE),
    st.tuples(st.just("erase"), WHO),
    st.tuples(st.just("silent"), WHO, st.sampled_from([VIEW, ORDER]), st.integers(0, 4), PLACE),
    st.tuples(st.just("trait"), PROFILE, st.sampled_from(["NL", "DE"])),
    st.tuples(st.just("permit"), PROFILE, st.integers(-1, 1), st.integers(1, 3)),
    st.tuples(st.just("fail"), LIMIT),
    st.tuples(st.just("rule"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("build"), st.sampled_from(["odd", "last-dear", "spent"])),
    st.tuples(st.just("stray")),
    st.tuples(st.just("forget")),
    st.tuples(st.just("other"), st.sampled_from([40, 100, 1_000])),
)


def histories(special: list[Any]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Mostly events, followed in small steps; and often what is special."""
    # Not `one_of`: what is given to it twice, it takes once.
    weighted = [EVENT] * 24 + [FOLLOW] * 8 + [SETTLE] * 5 + [TIME] * 4 + special * 4
    return st.lists(st.sampled_from(weighted).flatmap(lambda kind: kind), min_size=15, max_size=60)


# Each history has few special things, and those more than once: what takes two of a kind is found sooner.
HISTORIES = st.lists(st.sampled_from(SPECIAL), min_size=1, max_size=3, unique=True).flatmap(histories)


@pytest.fixture
def segments(clean: None) -> dict[str, UUID]:
    return prepare()


@settings(max_examples=max(CASES // 2, 25), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=HISTORIES)
def test_live_is_rebuilt(segments: dict[str, UUID], steps: list[tuple[Any, ...]]) -> None:
    live.forget()
    try:
        with transaction.atomic():
            it = World(segments)
            for step in steps:
                getattr(it, step[0])(*step[1:])
            it.end()
            raise Undo
    except Undo:
        pass
    finally:
        live.forget()
