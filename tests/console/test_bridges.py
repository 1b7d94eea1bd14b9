"""Why records are one person: what alone holds them together, against brute force."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from cdp.console.bridges import bridges, holding
from identity.components import components as grouped

IDS = [UUID(int=at + 1) for at in range(9)]
pairs = st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda it: it[0] < it[1])
graphs = st.dictionaries(pairs, st.floats(1, 60), max_size=16)


def components(nodes: Iterable[UUID], left: Iterable[tuple[UUID, UUID]]) -> list[frozenset[UUID]]:
    """As sets."""
    return [frozenset(part) for part in grouped(nodes, left)]


@given(graphs)
def test_a_bridge_is_what_leaves_more_parts_when_it_is_removed(graph: dict[tuple[UUID, UUID], float]) -> None:
    nodes = {id for pair in graph for id in pair}
    whole = len(components(nodes, graph))
    found = bridges(graph)
    for pair in graph:
        parts = components(nodes, [it for it in graph if it != pair])
        assert (pair in found) == (len(parts) > whole)
        if pair in found:
            assert found[pair] in parts
            assert len(found[pair] & set(pair)) == 1


@given(graphs, st.lists(st.sampled_from(IDS), max_size=3), st.integers(1, 4))
def test_what_is_said_to_hold_records_together_does(
    graph: dict[tuple[UUID, UUID], float], against: list[UUID], of_value: int
) -> None:
    nodes = {id for pair in graph for id in pair}
    whole = len(components(nodes, graph))
    by_value = dict(list(graph.items())[:of_value])
    hold = holding(graph, {uuid4(): by_value}, set(against), nodes - set(against))
    if not graph:
        assert hold is None
        return
    assert hold is not None
    if whole > 1:  # of a profile all hangs together; of less, the sides are of one component
        return
    without_one = [components(nodes, [it for it in graph if it != pair]) for pair in graph]
    without_value = components(nodes, [it for it in graph if it not in by_value])
    if hold.parts:
        left = [it for it in graph if it != hold.pair] if hold.pair else [it for it in graph if it not in by_value]
        assert set(hold.parts) == set(components(nodes, left))
    elif hold.odd:
        others = nodes - set(against)
        for parts in without_one:
            assert any(part & others and part & set(against) for part in parts)
    else:
        assert all(len(parts) == 1 for parts in without_one)
        assert len(by_value) < 2 or len(without_value) == 1


def test_a_circle_has_no_bridge_and_a_value_may_hold_it_alone() -> None:
    a, b, c, d = IDS[:4]
    circle = {(a, b): 24.0, (b, c): 24.0, (a, c): 24.0}
    weakest = holding({**circle, (a, b): 16.0}, {})
    assert weakest is not None
    assert (weakest.pair, weakest.parts) == ((a, b), ())
    email = uuid4()
    by_email = holding(circle, {email: circle})
    assert by_email is not None
    assert (by_email.digest, len(by_email.parts)) == (email, 3)
    # Two links between the same two: neither of them alone.
    both = holding({(a, b): 40.0}, {email: {(a, b): 24.0}})
    assert both is not None
    assert (both.pair, both.bits) == ((a, b), 40.0)
    square = {(a, b): 1.0, (b, c): 1.0, (c, d): 1.0, (a, d): 1.0}
    assert bridges(square) == {}


def test_what_contradicts_is_named_before_what_is_weak_and_a_visit_last() -> None:
    a, b, c, d = IDS[:4]
    chain = {(a, b): 12.0, (b, c): 40.0, (c, d): 20.0}

    def of(graph: dict[tuple[UUID, UUID], float], *sides: set[UUID]) -> tuple[object, bool, bool]:
        hold = holding(graph, {}, *sides)
        assert hold is not None
        return hold.pair, bool(hold.parts), hold.odd

    assert of(chain) == ((a, b), True, False)
    assert of(chain, {c, d}, {a, b}) == ((b, c), True, True)
    assert of({**chain, (b, c): float("inf")}, {c, d}, {a, b}) == ((b, c), True, True)
    assert of(chain, set(), set(), {a}) == ((c, d), True, False)
    assert of(chain, set(), set(), {a, b, c, d}) == ((a, b), True, False)
    # c and d contradict each other, in a circle with b: the weak (a, b) is not what one asks for.
    assert of({**chain, (b, d): 30.0}, {d}, {b, c}) == ((b, d), False, True)
