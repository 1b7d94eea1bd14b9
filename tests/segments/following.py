"""A small world in which memberships are followed live: what the other rooms write, as rows; nobody waits for anybody."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from cdp import outbox
from cdp.catalogue import snapshot
from cdp.ids import uuid7
from consent.models import Purpose
from segments import live, program
from segments.live import Live
from segments.models import Segment
from segments.rebuild import build, compiled, rebuild
from segments.wake import wake
from tests.segments import world
from tests.segments.world import NOW

SLOT = timedelta(hours=12)
ORDER, VIEW, CART = "Order Completed", "Product Viewed", "Cart Viewed"
NAMES = (ORDER, VIEW, CART)
# Few rules for each way in which a past is kept: an event of which the last is asked (ties count), one of which no order is, and
# one of which only windows are (what is older is not even read). Most come true and false again as events are added.
RULES: dict[str, dict[str, Any]] = {
    "three": {"event": ORDER, "count": {"gte": 3}},
    "lately": {"event": ORDER, "within": {"days": 2}},
    "sleeps": {"all": [{"event": ORDER}, {"not": {"event": ORDER, "within": {"days": 3}}}]},
    "last-dear": {"event": ORDER, "last": {"of": "revenue", "gt": 10}},
    "last-middling": {"event": ORDER, "last": {"of": "revenue", "between": [1, 12]}},
    "mean": {"event": ORDER, "avg": {"of": "revenue", "between": [5, 12]}},
    "odd": {"any": [{"event": VIEW, "count": {"is": n}} for n in (1, 3, 5, 7, 9)]},
    "spent": {"event": VIEW, "sum": {"of": "revenue", "gte": 30}, "within": {"days": 3}},
    "total": {"event": VIEW, "sum": {"of": "revenue", "between": [20, 45]}},
    "dear": {"event": VIEW, "count": {"is": 2}, "where": [{"property": "revenue", "gt": 10}], "within": {"days": 4}},
    "kinds": {"event": VIEW, "distinct": {"of": "revenue", "is": 2}},
    "fair": {"event": CART, "count": {"gte": 2}, "within": {"from": "2026-03-01T12:00:00Z", "to": "2026-03-03T12:00:00Z"}},
    "hot": {"event": CART, "count": {"gte": 2}, "within": {"days": 1}},
    "warm": {"event": CART, "sum": {"of": "revenue", "gte": 12}, "within": {"days": 2}},
    "first-cheap": {"event": CART, "first": {"of": "revenue", "lt": 5}, "within": {"days": 2}},
    "first-dear": {"event": CART, "first": {"of": "revenue", "gt": 10}, "within": {"days": 1}},
    "looks-only": {"all": [{"event": VIEW}, {"not": {"segment": "three"}}, {"trait": "country", "is": "NL"}]},
    "told": {"all": [{"consent": "newsletter"}, {"event": VIEW}]},
    "changing": {"event": VIEW, "count": {"between": [1, 3]}},
}  # fmt: skip
VARIANTS: tuple[dict[str, Any], ...] = (
    {"event": VIEW, "count": {"is": 2}},
    {"event": VIEW, "last": {"of": "revenue", "lt": 10}},
    {"event": ORDER, "count": {"between": [1, 3]}},
)
_VERSIONS = count(2)


def prepare() -> dict[str, UUID]:
    """What all histories share: declarations, a purpose, the segments; their ids by key."""
    world.declare("property", "revenue", "number")
    world.declare("trait", "country", "text")
    Purpose.objects.create(key="newsletter", name="newsletter")
    return {key: world.segment(key, rule).id for key, rule in RULES.items()}


class Undo(Exception):
    """Ends a savepoint."""


class World:
    """Three records of two profiles, between which they move; and the moment. A profile without records is no more."""

    def __init__(self, segments: dict[str, UUID]) -> None:
        self.segments = segments
        self.profiles = [uuid7() for _ in range(2)]
        self.records: list[UUID | None] = [None] * 3
        self.slot = self.woken = 0
        self.messages = count()
        self.follower = live.LIVE

    @property
    def now(self) -> datetime:
        return NOW + self.slot * SLOT

    # Whoever follows

    def follow(self, limit: int) -> None:
        """One step, which may leave something in the queue that it has read already."""
        with self.follower.step():
            assert self.follower.turn()
            self.follower.follow(outbox.drain(limit), at=self.now)

    def settle(self) -> None:
        """Everything is followed: whoever reads everything anew finds nothing to enter or to leave."""
        if self.woken != self.slot:  # else not, for it would mend what a step did wrong
            self.wake()
        self.follow(1_000)
        assert not outbox.waits()
        try:
            with transaction.atomic():
                assert live.refresh(self.profiles, at=self.now) == 0
                raise Undo
        except Undo:
            pass

    def end(self) -> None:
        """Everything is followed: the memberships are those that a rebuild computes, and no stored moment is late."""
        self.settle()
        assert wrong(self.now) == []

    def fail(self, limit: int) -> None:
        """A step that does not come to its commit."""
        try:
            with self.follower.step():
                self.follow(limit)
                raise Undo
        except Undo:
            pass

    def forget(self) -> None:
        self.follower.forget()

    def other(self, megabytes: float) -> None:
        """Another process takes over, with so much memory; later the first one again."""
        self.follower = Live(megabytes) if self.follower is live.LIVE else live.LIVE

    def time(self, slots: int) -> None:
        self.later(slots)
        self.wake()

    def later(self, slots: int) -> None:
        """Time passes and nobody has looked yet whose moments have come."""
        self.slot += slots

    def wake(self) -> None:
        wake(self.now)
        self.woken = self.slot

    def build(self, who: int) -> None:
        """Somebody rebuilds a segment in the midst of what happens: from one more event than whoever follows has heard of."""
        self.event(who, VIEW, 0, 1, 1)
        rebuild(self.segments["odd"], at=self.now)
        self.event(who, VIEW, 0, 1, 1)

    def rule(self, variant: int, limit: int) -> None:
        """A changed rule, by which somebody already follows before it is built."""
        chosen = Segment.objects.filter(id=self.segments["changing"])
        chosen.update(rule=VARIANTS[variant], version=next(_VERSIONS))
        if limit:
            self.follow(limit)
        build(self.segments["changing"], at=self.now)

    # What happens

    def event(self, who: int, name: str, back: int, revenue: float, place: int) -> None:
        """One event, stored and said. `place`: 1 comes after all others of the same moment, -1 before."""
        world.tell(self._record(who), name, 0, at=self.now - back * SLOT, message=self._message(place), revenue=revenue)

    def silent(self, who: int, name: str, back: int, place: int) -> None:
        """An event that is stored while somebody reads everything anew."""
        record, at = self._record(who), self.now - back * SLOT
        world.event(record, name, at, {"revenue": 7}, message=self._message(place))
        outbox.changed(self._owners(record), reason="replay")

    def stray(self) -> None:
        """Of a record that is no more when it is heard of; and of a name to which no rule listens any more."""
        name = snapshot.current().event_name
        who = self._record(0)
        outbox.happened([
            outbox.Happened(uuid4(), name(VIEW), world.micros(self.now), "{}"),
            outbox.Happened(who, name("Product Added"), world.micros(self.now), "{}"),
        ])  # fmt: skip

    def _message(self, place: int) -> UUID:
        return UUID(int=(1 << 64) + place * next(self.messages))

    # Who is who

    def _record(self, who: int) -> UUID:
        """The record; if there is none (any more), somebody new."""
        found = self.records[who]
        if found is None:
            found = self.records[who] = uuid7()
            profile = self.profiles[who % 2]
            self._exist(profile)
            world.record(found, profile)
            outbox.changed([profile], reason="identity")
        return found

    def _exist(self, profile: UUID) -> None:
        sql("INSERT INTO identity_profile (id, facts, provenance, records, version)"
            " VALUES (%s, '{\"country\": \"NL\"}', '{}', 1, 1) ON CONFLICT DO NOTHING", profile)  # fmt: skip

    def _owners(self, record: UUID) -> list[UUID]:
        return [row[0] for row in sql("SELECT profile_id FROM identity_record WHERE id = %s", record)]

    def _vanish(self) -> None:
        sql("DELETE FROM identity_profile p WHERE NOT EXISTS (SELECT FROM identity_record r WHERE r.profile_id = p.id)")

    def move(self, who: int, to: int) -> None:
        """A merge or split: a record goes to another profile."""
        record = self._record(who)
        before = self._owners(record)
        self._exist(self.profiles[to])
        sql("UPDATE identity_record SET profile_id = %s WHERE id = %s", self.profiles[to], record)
        self._vanish()
        outbox.changed(sorted([*before, self.profiles[to]]), reason="identity")

    def erase(self, who: int) -> None:
        """A record with all its events, and what waits of them."""
        record = self._record(who)
        before = self._owners(record)
        for table, column in (
            ("outbox_happening", "record_id"),
            ("events_event", "record_id"),
            ("identity_record", "id"),
        ):
            sql(f"DELETE FROM {table} WHERE {column} = %s", record)
        self._vanish()
        outbox.changed(before, reason="identity")
        self.records[who] = None

    def trait(self, profile: int, country: str) -> None:
        sql("UPDATE identity_profile SET facts = jsonb_build_object('country', %s::text) WHERE id = %s",
            country, self.profiles[profile])  # fmt: skip
        outbox.changed([self.profiles[profile]], reason="identity")

    def permit(self, profile: int, start: int, slots: int) -> None:
        """Consent from a moment on, for so long."""
        party, begins = self.profiles[profile], self.now + start * SLOT
        sql("DELETE FROM consent_state WHERE party_id = %s", party)
        sql("INSERT INTO consent_state (party_id, purpose, moments, verdicts) VALUES (%s, 'newsletter', %s, '{1, 32}')",
            party, [begins, begins + slots * SLOT])  # fmt: skip
        outbox.changed([party], reason="consent")


def sql(statement: str, *params: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall()) if cursor.description is not None else []


def wrong(now: datetime) -> list[tuple[Any, ...]]:
    """Stored memberships that are not those that a rebuild computes, and stored moments later than its own."""
    found = []
    for definition in program.current().definitions:
        statement, params = compiled(definition, now)
        rows = sql(
            f"SELECT profile_id, f.member, m.member, f.flips_at, m.flips_at FROM ({statement}) f FULL JOIN (SELECT * FROM"
            " segments_membership WHERE segment_id = %s) m USING (profile_id) WHERE coalesce(f.member, false) <>"
            " coalesce(m.member, false) OR f.flips_at < coalesce(m.flips_at, 'infinity')",
            *params,
            definition.id,
        )
        found += [(definition.key, *row) for row in rows]
    return found
