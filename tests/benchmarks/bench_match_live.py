"""Likeness in the live flow: the first load of a base with a model in force, and one new record against all of them.

A country of invented people: 20,000 family names and 2,000 given names as unevenly spread as real ones (Zipf), 30,000 postcodes.
Half of the records are second records of somebody, some with a slip of the pen; nobody shares an identifier, so that likeness
alone finds them. The model is learnt from the first records, then put in force; the rest arrives in batches as in the flow.
"""

import os
import time
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, islice
from random import Random
from statistics import median
from unittest import mock

import pytest
from django.db import transaction

from cdp.audit import Actor
from cdp.sources.models import Source
from cdp.vault import keys
from identity.linking import activation, jobs, training
from identity.linking.scoring import Scorer
from identity.observe import Observation, observe
from tests.benchmarks import processor
from tests.benchmarks.results import Section, growth, section
from tests.identity.cases import CRM, NOON, SHOP, rows, said

RECORDS = int(os.environ.get("BENCH_RECORDS", "10000"))
LEARNT = int(os.environ.get("BENCH_LEARNT", "5000"))
BATCH = 2_000
SINGLE = 300
AT = NOON + timedelta(days=1)
BY = Actor("system", "bench")
_SYLLABLES = [a + b for a in "bdfgklmnrstv" for b in "aeiou"]


@cache
def _names(many: int, length: int) -> tuple[list[str], list[float]]:
    dice = Random(many)
    names = list(dict.fromkeys("".join(dice.choices(_SYLLABLES, k=length)) for _ in range(2 * many)))[:many]
    return names, list(accumulate(1 / (rank + 10) for rank in range(len(names))))


def _drawn(dice: Random, many: int, length: int) -> str:
    names, heights = _names(many, length)
    return names[bisect(heights, dice.random() * heights[-1])].title()


def person(number: int) -> dict[str, str]:
    """Somebody, always the same for a number."""
    dice = Random(number)
    place = dice.randrange(30_000)
    return {
        "firstName": _drawn(dice, 2_000, 3),
        "lastName": _drawn(dice, 20_000, 4),
        "birthday": f"{dice.randint(1935, 2006)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
        "street": f"{dice.randint(1, 220)} {_drawn(Random(place + dice.randint(0, 9)), 20_000, 4)} Street",
        "city": f"Town{place // 60}",
        "postalCode": f"{10_000 + place}",
    }


def slipped(number: int) -> dict[str, str]:
    """The same person as another system wrote it down."""
    one, dice = person(number), Random(-number)
    if number % 3 == 0:
        at = dice.randrange(1, len(one["lastName"]))
        one["lastName"] = one["lastName"][:at] + dice.choice("aeiou") + one["lastName"][at + 1 :]
    if number % 7 == 0:
        del one["street"]
    return one


def observations(start: int) -> Iterator[Observation]:
    """Two records of each person, the second a while after the first."""
    number = start
    while True:
        yield said(f"u{number}", source=SHOP, **person(number))
        if number % 2:
            yield said(f"c{number - 1}", source=CRM, **slipped(number - 1))
            yield said(f"c{number}", source=CRM, **slipped(number))
        number += 1


def load(stream: Iterator[Observation], many: int) -> None:
    for start in range(0, many, BATCH):
        with transaction.atomic():
            observe(list(islice(stream, min(BATCH, many - start))), at=AT)


@pytest.mark.slow
def test_match_live(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SETTLED", 0.0)
    for id, name in ((SHOP, "shop"), (CRM, "crm")):
        Source.objects.create(id=id, name=name, namespace=name, kind="http", key_hash=id.bytes * 2)
    stream, have, servers = observations(0), LEARNT, processor.database()
    load(stream, LEARNT)
    row = training.begin(by=BY)
    jobs.go_on(clock=lambda: datetime.now(UTC))
    activation.activate(row.version, by=BY, at=datetime.now(UTC))
    jobs.go_on(clock=lambda: datetime.now(UTC))
    with section("match_live", "Likeness in the live flow") as found:
        for records in growth(RECORDS):
            data = f"{records:,} records"
            began, processor_, database = time.perf_counter(), time.process_time(), processor.seconds(servers)
            load(stream, records - have)
            many = records - have
            rate = many / (time.perf_counter() - began)
            python = (time.process_time() - processor_) / many * 1e6
            other = (processor.seconds(servers) - database) / many * 1e6
            found.add(
                "first load, identity alone", data=data, ours=rate, limit=5_000, unit="records/s",
                note=f"processor time a record (µs): Python {python:.0f}, PostgreSQL {other:.0f}",
            )  # fmt: skip
            have = records
            _single(found, records, data)
        [(joined,)] = rows("SELECT count(*) FROM identity_link WHERE rule = 'similar'")
        found.add("links by likeness", data=f"{have:,} records", ours=joined, unit="links")


def _single(found: Section, records: int, data: str) -> None:
    """One new record at a time, keys of records not remembered."""
    candidates: list[int] = []
    pairs = Scorer.pairs

    def counted(self: Scorer, values: object, left: list[int], right: list[int]) -> object:
        candidates.append(len(left))
        return pairs(self, values, left, right)  # type: ignore[arg-type]

    times, dice = [], Random(records)
    with mock.patch.object(Scorer, "pairs", counted):
        for n in range(SINGLE):
            one = said(f"n{records}-{n}", kind="anonymous_id", source=CRM, **slipped(dice.randrange(records // 2)))
            keys._records.clear()
            began = time.perf_counter()
            with transaction.atomic():
                observe([one], at=AT)
            times.append(1000 * (time.perf_counter() - began))
    times.sort()
    candidates.sort()
    spread = (
        f"pairs scored: median {median(candidates):.0f}, p99 {candidates[int(len(candidates) * 0.99)]}"
        if candidates
        else ""
    )
    found.add("one new record, p50", data=data, ours=median(times), limit=5, unit="ms", note=spread)
    found.add("one new record, p99", data=data, ours=times[int(SINGLE * 0.99)], limit=15, unit="ms")
