"""Who was not busy for long is folded up, then forgotten; and comes back from the fold as it was."""

from uuid import UUID

from cdp.ids import uuid7
from segments.history import Column
from segments.memory import Memory, Person
from segments.nodes import FOREVER


def person(events: int = 3) -> Person:
    """Somebody with a past of every kind of value."""
    column = Column(
        list(range(events)), {"revenue": [(1.5 * n,) for n in range(events)], "a.[]": [["x", 2, True]] * events}
    )
    return Person(
        frozenset({uuid7(), uuid7()}), {"country": "NL", "tags": ["a", {"b": 1}]}, {"order": column},
        {"newsletter": (True, FOREVER)}, {uuid7(): (True, 5)}, {7, 9},
    )  # fmt: skip


def fill(memory: Memory, people: int) -> dict[UUID, Person]:
    made = {}
    for _ in range(people):
        id, made[id] = (id := uuid7()), person()
        memory.put(id, made[id])
        memory.settle([id])
    return made


def test_who_is_folded_comes_back_as_he_was() -> None:
    memory = Memory(0.1)  # three are ready
    made = fill(memory, 20)
    assert len(memory._ready) == 3
    for id, it in made.items():
        assert memory.get(id) == it
        assert {memory.home(record) for record in it.records} == {id}


def test_whoever_was_busy_last_is_kept_when_space_runs_out() -> None:
    memory = Memory(0.1)
    made = fill(memory, 500)
    kept = [id for id in made if id in memory]
    assert kept == list(made)[-len(kept) :]
    assert 20 < len(kept) < 60
    gone = [record for id, it in made.items() if id not in memory for record in it.records]
    assert {memory.home(record) for record in gone} == {None}
    assert memory.get(next(iter(made))) is None


def test_a_record_that_was_read_with_somebody_else_stays_there() -> None:
    memory = Memory(1)
    one, other, it = uuid7(), uuid7(), person()
    memory.put(one, it)
    memory.put(other, it)
    memory.drop(one)
    assert {memory.home(record) for record in it.records} == {other}
    memory.clear()
    assert other not in memory
