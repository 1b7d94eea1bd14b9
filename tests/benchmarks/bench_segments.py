"""How fast segments are: `python -m pytest tests/benchmarks/bench_segments.py -s` (BENCH_PEOPLE, BENCH_EVENTS).

Live: a batch of 1,000 touched people against 20 segments. Set-based: a build against hand-written SQL of the same segment.
"""

import cProfile
import os
import pstats
import statistics
import time
from datetime import timedelta
from random import Random

import pytest
from django.db import connection, transaction

from cdp.catalogue import snapshot
from segments import program
from segments.rebuild import rebuild
from segments.refresh import Changes, refresh
from segments.sql import compile_rule
from tests.segments.world import NOW, declare, segment

pytestmark = pytest.mark.django_db
PEOPLE = int(os.environ.get("BENCH_PEOPLE", "20000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "60"))
BATCH = 1000

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
def base(db: None) -> list:
    for name, kind in (("country", "text"), ("age", "number")):
        declare("trait", name, kind)
    for name, kind in (("revenue", "number"), ("coupon", "text")):
        declare("property", name, kind)
    digest = snapshot.current().event_name
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            "INSERT INTO identity_profile (id, facts, provenance, records, version) SELECT gen_random_uuid(), jsonb_build_object("
            "'country', (ARRAY['NL','BE','DE','FR'])[1 + floor(random() * 4)::int], 'age', 15 + floor(random() * 70)::int),"
            " '{}', 1, 1 FROM generate_series(1, %s)",
            [PEOPLE],
        )
        cursor.execute(
            "INSERT INTO identity_record (id, source_id, key_kind, key_digest, profile_id, facts, attributes, first_seen)"
            " SELECT id, gen_random_uuid(), 1, gen_random_uuid(), id, '{}', '{}', now() FROM identity_profile"
        )
        for month in range(13):
            cursor.execute("SELECT events_ensure_month(%s)", [(NOW - timedelta(days=30 * month)).date()])
        cursor.execute(
            "INSERT INTO events_event (id, record_id, source_id, type, name, message, occurred_at, received_at, facts, sealed)"
            " SELECT gen_random_uuid(), id, gen_random_uuid(), 2, CASE WHEN n %% 3 = 0 THEN %s::uuid ELSE %s::uuid END,"
            " gen_random_uuid(), %s - random() * interval '365 days', now(), jsonb_build_object('revenue',"
            " round((random() * 100)::numeric, 2), 'coupon', 'c' || floor(random() * 5), 'products', (SELECT jsonb_agg("
            " jsonb_build_object('category', 'c' || k, 'quantity', k)) FROM generate_series(1, 8) k)), ''"
            " FROM identity_profile, generate_series(1, %s) n",
            [digest("Product Viewed"), digest(ORDERED), NOW, EVENTS],
        )
        for table in ("identity_profile", "identity_record", "events_event"):
            cursor.execute(f"ANALYZE {table}")
        for number, rule in enumerate(RULES):
            segment(f"s{number}", rule)
        cursor.execute("SELECT id FROM identity_profile ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def timed(act) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def test_live(base: list) -> None:
    dice = Random(3)
    orders = snapshot.current().event_name(ORDERED)
    batches = [dice.sample(base, min(BATCH, len(base))) for _ in range(6)]
    refresh(batches[0], at=NOW)
    first = [timed(lambda b=batch: refresh(b, at=NOW)) for batch in batches[1:4]]
    again = [timed(lambda b=batch: refresh(b, at=NOW)) for batch in batches[1:4]]
    changes = Changes(events={orders})
    narrow = [timed(lambda b=batch: refresh(b, at=NOW, changed=changes)) for batch in batches[1:4]]
    one = [timed(lambda p=p: refresh([p], at=NOW, changed=changes)) for p in dice.sample(base, 50)]
    print(f"\n{len(RULES)} segments, {EVENTS} events a person, {BATCH} people a batch")
    print(f"refresh, all entering     {statistics.median(first) * 1e3:8.1f} ms")
    print(f"refresh, nothing moves    {statistics.median(again) * 1e3:8.1f} ms")
    print(f"refresh, after an order   {statistics.median(narrow) * 1e3:8.1f} ms")
    processor = time.process_time()
    refresh(batches[1], at=NOW)
    print(f"  of which in Python      {(time.process_time() - processor) * 1e3:8.1f} ms of processor time")
    print(f"refresh of one person     {statistics.median(one) * 1e3:8.1f} ms")
    if os.environ.get("BENCH_PROFILE"):
        profile = cProfile.Profile()
        profile.runcall(refresh, batches[1], at=NOW)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def test_set_based(base: list) -> None:
    orders = snapshot.current().event_name(ORDERED)
    by_hand = [orders, NOW - timedelta(days=90), NOW]
    sql, params = compile_rule(program.current().nodes["s2"], NOW, others={})

    def run(statement: str, values: list) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return len(cursor.fetchall())

    hand = min(timed(lambda: run(BY_HAND, by_hand)) for _ in range(3))
    ours = min(timed(lambda: run(sql, params)) for _ in range(3))
    with transaction.atomic():
        whole = timed(lambda: rebuild(at=NOW))
        check = timed(lambda: rebuild(check=True, at=NOW))
    print(f"\n{PEOPLE} people, {PEOPLE * EVENTS} events, one segment of a sum in a window")
    print(f"hand-written SQL, members {hand * 1e3:8.1f} ms")
    print(f"ours, members and flips   {ours * 1e3:8.1f} ms   {ours / hand:.2f} times the hand-written")
    print(f"rebuild of {len(RULES)} segments    {whole * 1e3:8.1f} ms")
    print(f"the same as a check       {check * 1e3:8.1f} ms")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-s", "-q"]))
