"""The people whom the follower of memberships has in memory: the busy ones ready to be judged, the others folded up small.

A person who is ready costs ten times what one costs who is folded, and to unfold one costs a tenth of reading one from the
database. Whoever was busy last is ready; whoever was not for longest is forgotten when the space is used up.
"""

import marshal
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from segments.evaluate import Verdict
from segments.history import Column

# What one megabyte holds of people who are ready (each counts as so many events more than the person has).
_EVENTS_OF_A_MB, OF_A_PERSON = 3_000, 30
_READY_SHARE = 0.4
_BESIDE = 1_000  # bytes that a folded person takes besides what is folded: ids, and whose each record is


@dataclass(slots=True)
class Person:
    """What rules need of a person. `counted`: places in the queue of events that `history` holds already."""

    records: frozenset[UUID]
    facts: Mapping[str, Any]
    history: dict[str, Column]
    consents: Mapping[str, Verdict]
    stored: dict[UUID, tuple[bool, int]]
    counted: set[int]

    @property
    def weight(self) -> int:
        return OF_A_PERSON + sum(len(column.times) for column in self.history.values())


class Memory:
    """People by profile id, and whose each of their records is. `megabytes`: about what it takes at most."""

    def __init__(self, megabytes: float) -> None:
        self._most_ready = int(megabytes * _READY_SHARE * _EVENTS_OF_A_MB)
        self._most_folded = int(megabytes * (1 - _READY_SHARE) * 2**20)
        self._ready: OrderedDict[UUID, Person] = OrderedDict()
        self._weights: dict[UUID, int] = {}
        self._weight = 0
        self._folded: OrderedDict[UUID, bytes] = OrderedDict()
        self._bytes = 0
        self._home: dict[UUID, UUID] = {}

    def __contains__(self, profile: UUID) -> bool:
        return profile in self._ready or profile in self._folded

    def get(self, profile: UUID) -> Person | None:
        """A person, made ready. None for somebody who is not in memory."""
        person = self._ready.get(profile)
        if person is None and (text := self._folded.pop(profile, None)) is not None:
            self._bytes -= len(text) + _BESIDE
            person = self._ready[profile] = _unfold(text)
        return person

    def put(self, profile: UUID, person: Person) -> None:
        """Takes somebody in who is not in memory."""
        self._ready[profile] = person
        for record in person.records:
            self._home[record] = profile

    def drop(self, profile: UUID) -> None:
        """Forgets somebody."""
        person = self.get(profile)
        if person is not None:
            del self._ready[profile]
            self._weight -= self._weights.pop(profile, 0)
            for record in person.records:
                # A record that was read with somebody else meanwhile stays there.
                if self._home.get(record) == profile:
                    del self._home[record]

    def home(self, record: UUID) -> UUID | None:
        """The profile with which a record was read last."""
        return self._home.get(record)

    def settle(self, busy: Collection[UUID]) -> None:
        """Weighs those who were busy; folds up, and then forgets, whoever was not for longest."""
        for it in busy:
            if (person := self._ready.get(it)) is not None:
                self._ready.move_to_end(it)
                weight = person.weight
                self._weight += weight - self._weights.get(it, 0)
                self._weights[it] = weight
        while self._weight > self._most_ready:
            profile, person = self._ready.popitem(last=False)
            self._weight -= self._weights.pop(profile, 0)
            self._folded[profile] = text = _fold(person)
            self._bytes += len(text) + _BESIDE
        while self._bytes > self._most_folded:
            self.drop(next(iter(self._folded)))

    def clear(self) -> None:
        """Forgets everybody."""
        self._ready.clear()
        self._weights.clear()
        self._folded.clear()
        self._home.clear()
        self._weight = self._bytes = 0


def _fold(person: Person) -> bytes:
    # What columns remember of filtered events and totals is worked out again.
    return marshal.dumps(
        (
            [it.bytes for it in person.records],
            dict(person.facts),
            {label: (column.times, column.values) for label, column in person.history.items()},
            dict(person.consents),
            [(id.bytes, *state) for id, state in person.stored.items()],
            person.counted,
        )
    )


def _unfold(text: bytes) -> Person:
    records, facts, history, consents, stored, counted = marshal.loads(text)  # noqa: S302 - our own, never left the process
    return Person(
        frozenset(UUID(bytes=it) for it in records),
        facts,
        {label: Column(times, values) for label, (times, values) in history.items()},
        consents,
        {UUID(bytes=id): (member, flips) for id, member, flips in stored},
        counted,
    )
