"""How fast identity resolves: `python -m pytest tests/benchmarks/bench_identity.py -s` (BENCH_RECORDS, BENCH_BATCH).

First load: synthetic customers, two records each, in batches. Fast path: events of known records with nothing new. Live: single
new observations against that base.
"""

import cProfile
import os
import pstats
import statistics
import time
from datetime import timedelta
from itertools import islice
from random import Random

import pytest
from django.db import transaction

from identity.observe import Observation, observe
from tests.identity.cases import CRM, NOON, SHOP, said

RECORDS = int(os.environ.get("BENCH_RECORDS", "20000"))
BATCH = int(os.environ.get("BENCH_BATCH", "1000"))
AT = NOON + timedelta(days=1)
GIVEN = [
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "mallory",
    "niaj",
    "olivia",
    "peggy",
    "rupert",
    "sybil",
    "trent",
    "victor",
    "walter",
]


def customers(n: int):
    """Two records of each person: a shop account and a CRM row with the same mailbox."""
    dice = Random(7)
    for number in range(n // 2):
        person = {
            "firstName": dice.choice(GIVEN),
            "lastName": "".join(dice.choices("abcdefghijklmnop", k=8)),
            "birthday": f"19{dice.randint(40, 99)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
            "street": f"Street {number}",
        }
        mailbox, phone = ("email", f"p{number}@shop.example"), ("phone", f"+1202555{number % 10000:04d}")
        facts = {"plan": dice.choice("abc"), "score": number}
        yield said(f"u{number}", mailbox, ("anonymous_id", f"d{number}"), facts=facts, **person)
        yield said(f"c{number}", mailbox, phone if number < 10000 else mailbox, source=CRM, facts=facts, **person)


def batches(stream):
    stream = iter(stream)
    while batch := list(islice(stream, BATCH)):
        yield batch


@pytest.mark.slow
def test_identity_speed(clean):
    profile = cProfile.Profile() if os.environ.get("BENCH_PROFILE") else None
    started, cpu = time.perf_counter(), time.process_time()
    for batch in batches(customers(RECORDS)):
        if profile:
            profile.enable()
        with transaction.atomic():
            observe(batch, at=AT)
        if profile:
            profile.disable()
    seconds = time.perf_counter() - started
    print(
        f"\nfirst load: {RECORDS} records in {seconds:.1f} s: {RECORDS / seconds:,.0f} records/s, "
        f"{(time.process_time() - cpu) / RECORDS * 1e6:.0f} us of Python each"
    )
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(28)

        profile = cProfile.Profile()
    dice, known = Random(3), 0
    started = time.perf_counter()
    for _ in range(20):
        batch = [event(dice) for _ in range(BATCH)]
        if profile:
            profile.enable()
        with transaction.atomic():
            known += len(observe(batch, at=AT))
        if profile:
            profile.disable()
    seconds = time.perf_counter() - started
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(14)
    print(f"fast path: {known / seconds:,.0f} events/s in batches of {BATCH}")
    for name, make in (("known event", event), ("new linked record", fresh)):
        times = []
        for _ in range(200):
            one = make(dice)
            started = time.perf_counter()
            with transaction.atomic():
                observe([one], at=AT)
            times.append((time.perf_counter() - started) * 1000)
        print(f"live, {name}: p50 {statistics.median(times):.2f} ms, p95 {sorted(times)[190]:.2f} ms")


def event(dice: Random) -> Observation:
    """A known user does something on a known device."""
    number = dice.randrange(RECORDS // 2)
    return said(f"u{number}", ("anonymous_id", f"d{number}"), at=10, source=SHOP)


def fresh(dice: Random) -> Observation:
    """A new device signs in nobody, but leaves a mailbox we know."""
    number = dice.randrange(RECORDS // 2)
    return said(f"new{dice.random()}", ("email", f"p{number}@shop.example"), kind="anonymous_id", at=20)
