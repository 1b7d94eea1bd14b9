"""How fast identity resolves: first load, known records with nothing new, and single new observations.

First load: synthetic customers, two records each, in batches (BENCH_RECORDS: how many at first; BENCH_BATCH).
"""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from random import Random

import pytest
from django.db import transaction

from identity.observe import Observation, observe
from tests.benchmarks.results import growth, section
from tests.identity.cases import CRM, NOON, SHOP, said

RECORDS = int(os.environ.get("BENCH_RECORDS", "2000"))
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


def customers(have: int, n: int) -> Iterator[Observation]:
    """Two records of each person: a shop account and a CRM row with the same mailbox."""
    dice = Random(have)
    for number in range(have // 2, n // 2):
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


def batches(stream: Iterator[Observation]) -> Iterator[list[Observation]]:
    while batch := list(islice(stream, BATCH)):
        yield batch


def event(dice: Random, records: int) -> Observation:
    """A known user does something on a known device."""
    number = dice.randrange(records // 2)
    return said(f"u{number}", ("anonymous_id", f"d{number}"), at=10, source=SHOP)


def fresh(dice: Random, records: int) -> Observation:
    """A new device signs in nobody, but leaves a mailbox we know."""
    number = dice.randrange(records // 2)
    return said(f"new{dice.random()}", ("email", f"p{number}@shop.example"), kind="anonymous_id", at=20)


def observed(batch: Sequence[Observation]) -> float:
    """Milliseconds that a batch takes."""
    started = time.perf_counter()
    with transaction.atomic():
        observe(batch, at=AT)
    return 1000 * (time.perf_counter() - started)


@pytest.mark.slow
def test_identity(clean: None) -> None:
    have = 0
    with section("identity", "Identity resolution") as found:
        for records in growth(RECORDS):
            data = f"{records:,} records"
            processor = time.process_time()
            took = sum(observed(batch) for batch in batches(customers(have, records)))
            each = (time.process_time() - processor) / (records - have) * 1e6
            rate = (records - have) / took * 1000
            found.add("first load", data=data, ours=rate, unit="records/s", note=f"{each:.0f} µs of it Python, each")
            have, dice = records, Random(3)
            took = sum(observed([event(dice, records) for _ in range(BATCH)]) for _ in range(10))
            found.add(f"known records, batches of {BATCH}", data=data, ours=10 * BATCH / took * 1000, unit="events/s")
            for name, make in (("one known event", event), ("one new, linked record", fresh)):
                times = sorted(observed([make(dice, records)]) for _ in range(100))
                found.add(name, data=data, ours=statistics.median(times), unit="ms", note=f"p95 {times[94]:.1f} ms")
