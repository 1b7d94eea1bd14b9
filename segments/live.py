"""Live memberships: one process follows what changes and what happens, and keeps the past of busy people in memory.

An event of somebody whose past is in memory costs a comparison for each rule that listens to it, not a reading of all that
went before. What is kept is never the only copy: it may be forgotten at any moment, and is read again. What makes it safe:
there is one follower at a time (`turn`); nothing happens without being in the queue (`cdp.outbox`); and a person is read in
one statement together with the places in the queue of what that statement already sees (docs/decisions/0008)."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.db import connection, transaction

from cdp import outbox
from cdp.database import disk
from cdp.database.together import together
from cdp.outbox import Drained, Happened
from segments import load, memberships, program
from segments.evaluate import Subject
from segments.history import Column, lookup
from segments.memberships import Difference
from segments.memory import Memory, Person
from segments.nodes import FOREVER, Event, Path, micros
from segments.program import Definition, Program
from segments.refresh import lock, stored, until

# A follower of which nothing was heard for so long is taken to be gone.
PATIENCE = timedelta(seconds=3)

_TURN = """
UPDATE segments_follower SET holder = %(me)s, seen_at = now()
FROM (SELECT holder AS before FROM segments_follower
      WHERE id = 1 AND (holder = %(me)s OR seen_at <= now() - make_interval(secs => %(patience)s)) FOR UPDATE SKIP LOCKED) AS old
WHERE id = 1 RETURNING before
"""
_HELD = "SELECT FROM segments_follower WHERE id = 1 AND holder = %s FOR SHARE SKIP LOCKED"
_OWNERS = "SELECT id, profile_id FROM identity_record WHERE id = ANY(%s) AND profile_id IS NOT NULL"
_FACTS = "SELECT id, facts::text FROM identity_profile WHERE id = ANY(%s)"
_RENEWED = """
SELECT p.id, p.facts::text, ARRAY(SELECT r.id FROM identity_record r WHERE r.profile_id = p.id)
FROM identity_profile p WHERE p.id = ANY(%s)
"""
_EVERYTHING: frozenset[UUID] | None = None  # what moved of a person: everything, or events of these names


class Live:
    """The people in memory, and the memberships that follow from them. For one thread."""

    def __init__(self, megabytes: float | None = None) -> None:
        self._me, self._process = uuid4(), os.getpid()
        self._program: Program | None = None
        self._paths: dict[str, list[Path]] = {}
        self._ordered: set[str] = set()  # events of which rules ask for the first or last value
        self._people = Memory(settings.MEMBERSHIP_MEMORY if megabytes is None else megabytes)
        self._connection: Any = None

    def turn(self, patience: timedelta = timedelta(0)) -> bool:
        """Whether it is ours to follow, until the end of the caller's transaction. A follower that others have been heard of
        within `patience` waits; who takes over begins with nothing in memory."""
        if self._process != os.getpid():  # a forked process must not pass for its parent
            self.forget()
            self._me, self._process = uuid4(), os.getpid()
        with connection.cursor() as cursor:
            cursor.execute(_TURN, {"me": self._me, "patience": patience.total_seconds()})
            row = cursor.fetchone()
        if row is None:
            return False
        if row[0] != self._me:
            self.forget()
        return True

    def holds(self) -> bool:
        """Whether it is ours to follow; if so, nobody takes over until the end of the caller's transaction."""
        with connection.cursor() as cursor:
            cursor.execute(_HELD, [self._me])
            return cursor.rowcount > 0 and self._process == os.getpid()

    @contextmanager
    def step(self) -> Iterator[None]:
        """A transaction in which something is learnt. If it does not come to its commit, all is forgotten, for the memory
        would be ahead of what is stored; and so with the connection, for a server that went away may have lost a commit that
        had not reached its disk."""
        try:
            with transaction.atomic():
                disk.do_not_wait()
                if self._connection is not connection.connection:
                    self.forget()
                    self._connection = connection.connection
                yield
        except BaseException:
            self.forget()
            raise

    def follow(self, drained: Drained, *, at: datetime) -> int:
        """Brings the memberships of those up to date of whom something was drained, as of `at`; how many were entered or left.
        In the caller's step, which has the turn.

        Only the rules that listen to what happened are evaluated; all, of a profile that changed. Profiles that are no more
        lose their memberships. Only rows of people whose memberships move are locked."""
        program.share()
        self._attune(program.current(), at)
        assert self._program is not None
        moved: dict[UUID, frozenset[UUID] | None] = dict.fromkeys(drained.profiles, _EVERYTHING)
        self._renew(drained.profiles, at)
        happened = self._by_person(drained.events)
        for profile, events in happened.items():
            moved.setdefault(profile, frozenset(it.event for it in events))
        for profile, events in happened.items():
            person = self._people.get(profile)
            if person is not None and not self._take(person, events):
                self._people.drop(profile)
        self._load([it for it in moved if it not in self._people], at)
        gone = [it for it, what in moved.items() if what is _EVERYTHING and it not in self._people]
        ended = memberships.remove(gone, at=at) if gone else 0
        written = self._write(self._differences(moved, at))
        self._people.settle(moved)
        return ended + written

    def forget(self) -> None:
        """Drops what is in memory."""
        self._program = None
        self._people.clear()

    def learn(self, differences: Iterable[Difference]) -> None:
        """Memberships that somebody else has written in this process, which holds the turn."""
        for it in differences:
            if (person := self._people.get(it.profile_id)) is not None:
                person.stored[it.segment_id] = it.member, FOREVER if it.flips_at is None else micros(it.flips_at)

    def _attune(self, current: Program, at: datetime) -> None:
        if current is not self._program:
            self.forget()
            self._program = current
            leaves = [leaf for definition in current.definitions for leaf in definition.leaves]
            self._ordered = {
                it.label
                for it in leaves
                if isinstance(it, Event) and it.aggregate in {"first", "last"} and it.of is not None
            }
            self._paths = {label: list(need.paths.values()) for label, need in load.needs(leaves, micros(at)).items()}

    def _renew(self, profiles: Mapping[UUID, set[str]], at: datetime) -> None:
        """Reads golden facts and consents again; where the events may be others, the person is dropped."""
        kept = [it for it, reasons in profiles.items() if it in self._people and reasons <= outbox.WITHOUT_EVENTS]
        for it in profiles.keys() - set(kept):
            self._people.drop(it)
        if not kept:
            return
        rows = {row[0]: row[1:] for row in together((_RENEWED, [kept]))[0]}
        for it in kept:
            facts, records = rows.get(it, (None, ()))
            # The events of a record that was read with somebody else meanwhile, and came back, were counted there.
            here = all(self._people.home(record) == it for record in records)
            person = self._people.get(it)
            if person is not None and facts is not None and here and person.records == frozenset(records):
                person.facts = orjson.loads(facts)
            else:
                self._people.drop(it)
        self._permit([it for it in kept if it in self._people], at)

    def _permit(self, profiles: Sequence[UUID], at: datetime) -> None:
        assert self._program is not None
        if profiles:
            leaves = [leaf for definition in self._program.definitions for leaf in definition.leaves]
            for it, consents in load.consents(profiles, leaves, at).items():
                if (person := self._people.get(it)) is not None:
                    person.consents = consents

    def _by_person(self, events: Sequence[Happened]) -> dict[UUID, list[Happened]]:
        """Events by the profile that has their record now. An event of a record without profile is left out: whoever gives
        it one says that the profile changed."""
        assert self._program is not None
        unknown = {it.record_id for it in events if self._people.home(it.record_id) is None}
        owners: dict[UUID, UUID] = {}
        if unknown:
            owners = dict(together((_OWNERS, [list(unknown)]))[0])
        found: dict[UUID, list[Happened]] = defaultdict(list)
        for it in events:
            profile = self._people.home(it.record_id) or owners.get(it.record_id)
            if profile is not None and it.event in self._program.labels:
                found[profile].append(it)
        return found

    def _take(self, person: Person, events: list[Happened]) -> bool:
        """Adds events to a person's past; False where it must be read anew."""
        assert self._program is not None
        for it in sorted(events, key=lambda it: it.occurred):
            if it.id in person.counted:
                person.counted.discard(it.id)
                continue
            label = self._program.labels[it.event]
            paths = self._paths[label]
            column = person.history.get(label)
            if column is None:
                column = person.history[label] = Column([], {path.name: [] for path in paths})
            facts = orjson.loads(it.facts) if paths else {}
            values = {path.name: lookup(facts, path.steps) for path in paths}
            if not column.add(it.occurred, values, self._program.zone, ordered=label in self._ordered):
                return False
        return True

    def _load(self, profiles: Sequence[UUID], at: datetime) -> None:
        """Reads people whole. Who does not exist any more is left out."""
        assert self._program is not None
        if not profiles:
            return
        leaves = [leaf for definition in self._program.definitions for leaf in definition.leaves]
        past = load.pasts(profiles, leaves, micros(at))
        facts: dict[UUID, str] = dict(together((_FACTS, [list(profiles)]))[0])
        ids = list(facts)
        consents, memberships_of = load.consents(ids, leaves, at), stored(ids)
        for it in ids:
            records, counted = past.records.get(it, (frozenset(), set()))
            history = past.histories.get(it, {})
            self._people.put(
                it,
                Person(records, orjson.loads(facts[it]), history, consents.get(it, {}), memberships_of[it], counted),
            )

    def _differences(self, moved: Mapping[UUID, frozenset[UUID] | None], at: datetime) -> list[Difference]:
        assert self._program is not None
        now = micros(at)
        outdated = [
            it
            for it in moved
            if (person := self._people.get(it)) and any(end <= now for _, end in person.consents.values())
        ]
        self._permit(outdated, at)
        listening: dict[frozenset[UUID], tuple[Definition, ...]] = {}
        found = []
        for profile, events in moved.items():
            person = self._people.get(profile)
            if person is None:
                continue
            if events is None:
                chosen = self._program.definitions
            elif (known := listening.get(events)) is not None:
                chosen = known
            else:
                chosen = listening[events] = self._program.listening(events)
            subject = Subject(person.facts, person.history, person.consents)
            for definition in chosen:
                truth, flips = definition.judge(subject, now)
                was, flipped = person.stored.get(definition.id, (False, FOREVER))
                if truth is not was or (flips < flipped and until(flips) != until(flipped)):
                    found.append(Difference(definition.id, definition.key, profile, was, truth, until(flips), at))
        return found

    def _write(self, differences: list[Difference]) -> int:
        """Writes what differs of those who still exist, under their rows' locks."""
        if not differences:
            return 0
        there = lock(sorted({it.profile_id for it in differences}))
        kept = [it for it in differences if it.profile_id in there]
        moved = memberships.write(kept)
        self.learn(kept)
        return moved


LIVE = Live()


def forget() -> None:
    """Drops what this process has in memory."""
    LIVE.forget()


def refresh(profile_ids: Iterable[UUID], *, at: datetime) -> int:
    """Evaluates these profiles whole, from what is stored, as of `at`; how many memberships were entered or left. In the
    caller's transaction."""
    ids = sorted(set(profile_ids))
    return Live().follow(Drained(len(ids), {it: {"refresh"} for it in ids}), at=at) if ids else 0
