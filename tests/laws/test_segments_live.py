"""Law: whatever happens, in whatever order and however much is forgotten in between, the memberships that follow live are those
that a rebuild computes, and no stored moment is late."""

import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp import outbox
from cdp.catalogue import snapshot
from segments import live
from segments.live import Live
from segments.rebuild import rebuild
from segments.wake import wake
from tests.segments import world
from tests.segments.world import NOW, event, person, segment, tell

pytestmark = pytest.mark.django_db
CASES = int(os.environ.get("CASES", "200"))
NAMES = ("Order Completed", "Product Viewed")
RULES: dict[str, dict[str, Any]] = {
    "three": {"event": NAMES[0], "count": {"gte": 3}},
    "lately": {"event": NAMES[0], "within": {"days": 2}},
    "spent": {"event": NAMES[0], "sum": {"of": "revenue", "gte": 30}, "within": {"days": 5}},
    "mean": {"event": NAMES[0], "avg": {"of": "revenue", "gte": 10}},
    "dear": {
        "event": NAMES[0],
        "count": {"gte": 2},
        "where": [{"property": "revenue", "gt": 10}],
        "within": {"days": 4},
    },
    "last-dear": {"event": NAMES[0], "last": {"of": "revenue", "gt": 10}},
    "first-cheap": {"event": NAMES[0], "first": {"of": "revenue", "lt": 5}},
    "kinds": {"event": NAMES[0], "distinct": {"of": "revenue", "gte": 2}},
    "sleeps": {"all": [{"event": NAMES[0]}, {"not": {"event": NAMES[0], "within": {"days": 3}}}]},
    "looks": {"event": NAMES[1], "count": {"gte": 3}},
    "looked-dear": {"event": NAMES[1], "sum": {"of": "revenue", "gte": 20}},
    "looks-only": {"all": [{"event": NAMES[1]}, {"not": {"segment": "three"}}, {"trait": "country", "is": "NL"}]},
}
WHO = st.integers(0, 1)
# Few distinct times and values, so that ties and events out of turn are common; and mostly events, so that pasts are long.
EVENT = st.tuples(
    st.just("event"),
    WHO,
    st.sampled_from((NAMES[0], *NAMES)),
    st.integers(0, 12),
    st.sampled_from([1, 5.5, 0.1, 12, 30]),
)
FOLLOW = st.tuples(st.just("follow"), st.integers(1, 3))
REST = st.one_of(
    st.tuples(st.just("silent"), WHO, st.integers(0, 12)),
    st.tuples(st.just("trait"), WHO, st.sampled_from(["NL", "DE"])),
    st.tuples(st.just("move"), WHO, WHO),
    st.tuples(st.just("time"), st.integers(1, 40)),
    st.tuples(st.just("forget")),
    st.tuples(st.just("other")),
)
STEPS = st.one_of(EVENT, EVENT, EVENT, EVENT, FOLLOW, FOLLOW, REST)


class Undo(Exception):
    """Ends one case's savepoint."""


class World:
    """Two people with a record each, which may move to another of them; and the moment."""

    def __init__(self) -> None:
        self.people = [person({"country": "NL"}) for _ in range(2)]
        self.now = NOW
        self.follower = live.LIVE

    def follow(self, limit: int) -> None:
        """One step, which may leave something in the queue that it has read already."""
        assert self.follower.turn()
        self.follower.follow(outbox.drain(limit), at=self.now)

    def event(self, who: int, name: str, hours: int, revenue: float) -> None:
        tell(self.people[who], name, 0, at=self.now - timedelta(hours=12 * hours), revenue=revenue)

    def silent(self, who: int, hours: int) -> None:
        """An event that is stored while somebody reads everything anew."""
        event(self.people[who], NAMES[0], self.now - timedelta(hours=12 * hours), {"revenue": 7})
        outbox.changed(self.owners(who), reason="replay")

    def trait(self, who: int, country: str) -> None:
        self.sql(
            "UPDATE identity_profile SET facts = jsonb_build_object('country', %s::text) WHERE id = %s",
            country,
            self.people[who],
        )
        outbox.changed([self.people[who]], reason="identity")

    def move(self, record: int, to: int) -> None:
        """A merge or split: a record goes to another profile."""
        before = self.owners(record)
        self.sql("UPDATE identity_record SET profile_id = %s WHERE id = %s", self.people[to], self.people[record])
        outbox.changed([*before, self.people[to]], reason="identity")

    def time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        wake(self.now)

    def forget(self) -> None:
        self.follower.forget()

    def other(self) -> None:
        """Another process takes over."""
        self.follower = Live() if self.follower is live.LIVE else live.LIVE

    def owners(self, record: int) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT profile_id FROM identity_record WHERE id = %s", [self.people[record]])
            return [row[0] for row in cursor.fetchall()]

    def sql(self, statement: str, *params: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)


def late(now: datetime) -> list[tuple[Any, ...]]:
    """Stored moments later than those that a rebuild computes."""
    from segments import program
    from segments.rebuild import compiled

    found = []
    with connection.cursor() as cursor:
        for definition in program.current().definitions:
            sql, params = compiled(definition, now)
            cursor.execute(
                f"SELECT f.profile_id FROM ({sql}) f LEFT JOIN segments_membership m"
                " ON m.segment_id = %s AND m.profile_id = f.profile_id"
                " WHERE f.flips_at IS NOT NULL AND (m.flips_at IS NULL OR m.flips_at > f.flips_at)",
                [*params, definition.id],
            )
            found += [(definition.key, *row) for row in cursor.fetchall()]
    return found


@settings(max_examples=max(CASES // 3, 25), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=5, max_size=40))
def test_live_is_rebuilt(db: None, steps: list[tuple[Any, ...]]) -> None:
    live.forget()
    try:
        with transaction.atomic():
            if snapshot.current().declared("property", "revenue") is None:
                world.declare("property", "revenue", "number")
            if snapshot.current().declared("trait", "country") is None:
                world.declare("trait", "country", "text")
            for key, rule in RULES.items():
                segment(key, rule)
            it = World()
            for step in steps:
                getattr(it, step[0])(*step[1:])
            it.follow(1_000)
            assert not outbox.waits()
            wake(it.now)
            assert rebuild(check=True, at=it.now) == 0
            assert late(it.now) == []
            raise Undo
    except Undo:
        pass
    finally:
        live.forget()
        snapshot.forget()
