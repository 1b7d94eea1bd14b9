"""How fast segments are: live for batches of touched people, and set-based against hand-written SQL of the same segment.

Growth: people, with 20 events each (BENCH_EVENTS).
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from django.db import connection, transaction

from cdp.catalogue import snapshot
from segments import program
from segments.live import refresh
from segments.rebuild import rebuild
from segments.sql import compile_rule
from tests.benchmarks.results import Section, growth, section
from tests.segments.world import NOW, declare, segment

pytestmark = pytest.mark.django_db
EVENTS = int(os.environ.get("BENCH_EVENTS", "20"))
BATCH = 500

ORDERED = "Order Completed"
RULES = [
    {"event": ORDERED, "count": {"gte": 3}, "within": {"days": 30}},
    {"event": ORDERED, "count": {"gte": 10}, "within": {"days": 90}},
    {"event": ORDERED, "sum": {"of": "revenue", "gte": 500}, "within": {"days": 90}},
    {"event": ORDERED, "sum": {"of": "revenue", "gte": 2000}},
    {"event": ORDERED, "last": {"older_than_days": 60}},
    {"event": ORDERED, "first": {"newer_than_days": 30}},
    {"event": ORDERED, "avg": {"of": "revenue", "gte": 50}},
    {"event": ORDERED, "max": {"of": "revenue", "gte": 95}, "within": {"days": 30}},
    {"event": ORDERED, "distinct": {"of": "coupon", "gte": 3}},
    {"event": ORDERED, "where": [{"property": "revenue", "gte": 90}], "within": {"days": 14}},
    {"event": "Product Viewed", "count": {"gte": 5}, "within": {"days": 7}},
    {"trait": "country", "is": "NL"},
    {"trait": "age", "between": [18, 30]},
    {"all": [{"trait": "country", "in": ["NL", "BE"]}, {"event": ORDERED, "within": {"days": 60}}]},
    {"all": [{"event": ORDERED}, {"not": {"event": ORDERED, "within": {"days": 45}}}]},
    {"any": [{"trait": "age", "gte": 65}, {"event": "Product Viewed", "within": {"days": 3}}]},
    {"all": [{"segment": "s0"}, {"trait": "country", "is": "DE"}]},
    {"all": [{"event": "Product Viewed", "within": {"days": 7}}, {"not": {"event": ORDERED, "within": {"days": 7}}}]},
    {"not": {"event": ORDERED, "within": {"days": 180}}},
    {"all": [{"segment": "s2"}, {"segment": "s4", "member": False}]},
]
BY_HAND = """
SELECT r.profile_id FROM identity_record r JOIN events_event e ON e.record_id = r.id
WHERE e.name = %s AND e.occurred_at > %s AND e.occurred_at <= %s
GROUP BY r.profile_id HAVING sum((e.facts->>'revenue')::numeric) >= 500
"""


@pytest.fixture
def catalogue(db: None) -> None:
    for name, kind in (("country", "text"), ("age", "number")):
        declare("trait", name, kind)
    for name, kind in (("revenue", "number"), ("coupon", "text")):
        declare("property", name, kind)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for month in range(13):
            cursor.execute("SELECT events_ensure_month(%s)", [(NOW - timedelta(days=30 * month)).date()])
    for number, rule in enumerate(RULES):
        segment(f"s{number}", rule)


def grown(people: int) -> list[UUID]:
    """So many people with their events; their ids."""
    digest = snapshot.current().event_name
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_profile (id, facts, provenance, records, version) SELECT gen_random_uuid(), jsonb_build_object("
            "'country', (ARRAY['NL','BE','DE','FR'])[1 + floor(random() * 4)::int], 'age', 15 + floor(random() * 70)::int),"
            " '{}', 1, 1 FROM generate_series((SELECT count(*) + 1 FROM identity_profile), %s)",
            [people],
        )
        cursor.execute(
            "CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT id FROM identity_profile EXCEPT SELECT id FROM identity_record"
        )
        cursor.execute(
            "INSERT INTO identity_record (id, source_id, key_kind, key_digest, profile_id, facts, attributes, first_seen)"
            " SELECT id, gen_random_uuid(), 1, gen_random_uuid(), id, '{}', '{}', now() FROM fresh"
        )
        cursor.execute(
            "INSERT INTO events_event (id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed)"
            " SELECT gen_random_uuid(), id, gen_random_uuid(), 2, CASE WHEN n %% 3 = 0 THEN %s::uuid ELSE %s::uuid END,"
            " gen_random_uuid(), %s - random() * interval '365 days', now(), jsonb_build_object('revenue',"
            " round((random() * 100)::numeric, 2), 'coupon', 'c' || floor(random() * 5), 'products', (SELECT jsonb_agg("
            " jsonb_build_object('category', 'c' || k, 'quantity', k)) FROM generate_series(1, 4) k)), ''"
            " FROM fresh, generate_series(1, %s) n",
            [digest("Product Viewed"), digest(ORDERED), NOW, EVENTS],
        )
        cursor.execute("DROP TABLE fresh")
        for table in ("identity_profile", "identity_record", "events_event"):
            cursor.execute(f"ANALYZE {table}")
        cursor.execute("SELECT id FROM identity_profile ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def timed(act: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def members(statement: str, values: Sequence[object]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return len(cursor.fetchall())


def test_segments(catalogue: None) -> None:
    peer = "hand-written SQL of the same segment, its members only"
    with section("segments", "Segments", peer=peer) as found:
        for people in growth(1_000):
            everybody = grown(people)
            data = f"{people:,} people, {people * EVENTS:,} events, {len(RULES)} segments"
            live(found, data, everybody)
            set_based(found, data)


def live(found: Section, data: str, everybody: list[UUID]) -> None:
    """Touched people evaluated whole, from what is stored: at once, and one by one. How events move memberships with the
    past in memory is measured with the pipeline (bench_flow.py)."""
    dice = Random(3)
    batches = [dice.sample(everybody, BATCH) for _ in range(4)]
    refresh(batches[0], at=NOW)

    def median(several: Sequence[list[UUID]]) -> float:
        return statistics.median(timed(lambda each=each: refresh(each, at=NOW)) for each in several)

    entering, again = median(batches[1:]), median(batches[1:])
    found.add(f"{BATCH} people whole, all entering", data=data, ours=entering, unit="ms")
    found.add(f"{BATCH} people whole, nothing moves", data=data, ours=again, unit="ms")
    found.add(
        "one person whole", data=data, ours=median([[person] for person in dice.sample(everybody, 50)]), unit="ms"
    )


def set_based(found: Section, data: str) -> None:
    """A build of one segment, and of all."""
    by_hand = [snapshot.current().event_name(ORDERED), NOW - timedelta(days=90), NOW]
    sql, params = compile_rule(program.current().nodes["s2"], NOW, others={})
    hand = min(timed(lambda: members(BY_HAND, by_hand)) for _ in range(3))
    ours = min(timed(lambda: members(sql, params)) for _ in range(3))
    found.add("members of one segment, and when each will leave", data=data, ours=ours, limit=hand, unit="ms")
    with transaction.atomic():
        found.add("rebuild of all segments", data=data, ours=timed(lambda: rebuild(at=NOW)), unit="ms")
