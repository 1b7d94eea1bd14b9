"""The whole way of an event, web server and worker and all: accepted, resolved, golden record, consent, twenty segments.

A shop of so many known people with a past of ninety days is sent a steady stream (tests/benchmarks/flow_world.py says of what).
What is told: the rate that was sustained, how much waited at the end of it, memory at its beginning and end, and who used the
processors; then, at a tenth of the rate, how long after its `200` an event has moved a membership that a reader sees.
What is measured begins after a minute of half the rate, when nothing waits. BENCH_FLOW_RATE, BENCH_SECONDS and BENCH_PEOPLE (one
size instead of growth) measure something else.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from cdp.audit import SYSTEM
from cdp.catalogue.declare import declare_named
from cdp.events.accept import accept
from cdp.events.reads import check, reconciliation
from cdp.sources import lookup
from cdp.sources.create import create
from cdp.sources.lookup import SourceInfo
from cdp.vault import blind
from segments.define import define
from segments.tasks import build_pending
from tests.benchmarks import flow_world, processor
from tests.benchmarks.bench_ingest import limit
from tests.benchmarks.results import Section, growth, section
from tests.events.wire_bytes import request
from tests.servers import Server, server  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
RATE = float(os.environ.get("BENCH_FLOW_RATE", "5000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "300"))
WARM = min(60.0, SECONDS)
SIZES = [int(os.environ["BENCH_PEOPLE"])] if "BENCH_PEOPLE" in os.environ else growth(1_000)
PAST = 10  # events that each known person has at the start
PROBES = 200


@contextmanager
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The pipeline's processes, as an operator runs them, without jobs."""
    command = [sys.executable, "manage.py", "worker", "--jobs", "0", "--processes", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("people", SIZES)
def test_flow(server: Callable[..., Server], child_environment: dict[str, str], people: int) -> None:
    with section(f"flow-{people}", f"End to end, {people:,} known people", peer="bare COPY with dedupe") as found:
        most = limit()
        made, key = create("shop", by=SYSTEM)
        source = lookup.info_of(made)
        web = server()
        assert web.process is not None
        with worker(child_environment) as pipeline:
            _begin(source, people)
            _load(web, key, people, RATE / 2, WARM).wait()  # an installation that runs has seen its people lately
            _settled()
            _sustain(found, web, pipeline, key, people, most)
            _visible(found, web, source, key, people)
        assert check() == {}
        assert reconciliation(source.id)["pending"] == 0


def _begin(source: SourceInfo, people: int) -> None:
    """The known people and their past, through the pipeline; segments last, so that they are built once."""
    declare_named("trait", "plan", "text", "fact", by=SYSTEM)
    declare_named("trait", "age", "number", "fact", by=SYSTEM)
    now, began = datetime.now(UTC), time.monotonic()
    for events in (flow_world.known(people, run="r"), flow_world.past(people, run="r", at=now, each=PAST)):
        while some := list(islice(events, 1_000)):
            accept(source, some, received_at=now)
        _settled()
    for name, rule in flow_world.SEGMENTS.items():
        define(name, rule, by=SYSTEM, at=datetime.now(UTC), key=name)
    define("appliers", {"event": "Coupon Applied"}, by=SYSTEM, at=datetime.now(UTC), key="appliers")
    build_pending()  # those of many people are else built by the worker of jobs, of which there is none here
    with connection.cursor() as cursor:
        for table in (
            "events_event",
            "identity_record",
            "identity_evidence",
            "identity_profile",
            "segments_membership",
        ):
            cursor.execute(f"ANALYZE {table}")
    print(f"{people:,} people and {people * PAST:,} events: {time.monotonic() - began:.0f} s", flush=True)


def _waiting() -> int:
    """Events that are accepted and not yet settled, and changes whose memberships have not followed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(CASE outcome WHEN 'accepted' THEN n ELSE -n END), 0)::bigint"
            " + (SELECT count(*) FROM outbox_change) + (SELECT count(*) FROM outbox_happening) FROM events_tally"
        )
        return int(cursor.fetchone()[0])


def _settled(seconds: float = 1800) -> None:
    until = time.monotonic() + seconds
    while _waiting():
        assert time.monotonic() < until, "the pipeline does not keep up"
        time.sleep(0.2)


def _memory(pids: set[int]) -> float:
    """Resident megabytes of these processes, shared pages counted once each time."""
    total = 0
    for pid in pids:
        try:
            total += int((Path("/proc") / str(pid) / "statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def _sustain(
    found: Section, web: Server, pipeline: "subprocess.Popen[bytes]", key: str, people: int, most: float
) -> None:
    assert web.process is not None
    groups = {"web": [web.process.pid], "worker": [pipeline.pid], "PostgreSQL": processor.database()}
    ours = processor.tree([web.process.pid, pipeline.pid])
    before = {name: processor.seconds(pids) for name, pids in groups.items()}
    load = _load(web, key, people, RATE, SECONDS)
    time.sleep(min(10.0, SECONDS / 5))  # what is remembered of people has filled
    first, looks = _memory(ours), list[int]()
    while load.poll() is None:
        looks.append(_waiting())  # counts whole queues, so it looks seldom
        time.sleep(min(5.0, SECONDS / 20))
    last, waited = _memory(ours), _waiting()
    sent = json.loads(load.communicate()[0])
    ended = time.monotonic()
    _settled()
    drained = time.monotonic() - ended
    used = {name: processor.seconds(pids) - before[name] for name, pids in groups.items()}
    each = ", ".join(f"{name} {spent / sent['events'] * 1e6:.0f}" for name, spent in used.items())
    half = len(looks) // 2
    first_half, second_half = sorted(looks[:half] or [0]), sorted(looks[half:] or [0])
    rate = sent["events"] / (sent["seconds"] + drained)
    note = (
        f"asked for {RATE:,.0f}/s over {sent['seconds']:.0f} s, {sent['late']:.0%} of batches sent late; waiting: median"
        f" {first_half[len(first_half) // 2]:,} in the first half, {second_half[len(second_half) // 2]:,}"
        f" in the second, {waited:,} at the end, gone {drained:.1f} s later; memory {first:,.0f} MB, then {last:,.0f} MB;"
        f" processor time an event (µs): {each}"
    )
    found.add(
        "resolved, stored, 20 segments", data=f"{people:,} people", ours=rate, limit=most, unit="events/s", note=note
    )


def _load(web: Server, key: str, people: int, rate: float, seconds: float) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.benchmarks.flow_load", str(web.port), key, str(people), "r"]
    return subprocess.Popen([*command, str(rate), str(seconds)], cwd=ROOT, stdout=subprocess.PIPE)


def _visible(found: Section, web: Server, source: SourceInfo, key: str, people: int) -> None:
    """Known people apply a coupon each, for the first time, while a tenth of the rate flows; a reader looks for each of them."""
    rate = RATE / 10
    load = _load(web, key, people, rate, PROBES / 5 + 5)
    time.sleep(3)
    digests = blind.index_many("user_id", [f"{source.namespace}\0r-{n}" for n in range(min(people, PROBES))])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM segments_segment WHERE key = 'appliers'")
        (segment,) = cursor.fetchone()
        cursor.execute("SELECT key_digest, profile_id FROM identity_record WHERE key_digest = ANY(%s)", [digests])
        profile = dict(cursor.fetchall())
    acked: dict[UUID, float] = {}
    seen: dict[UUID, float] = {}
    done = threading.Event()
    reader = threading.Thread(target=_look, args=(segment, acked, seen, done))
    reader.start()
    with Probe(web.port, key) as probe:
        for n, digest in enumerate(digests):
            probe.apply(n)
            acked[profile[digest]] = time.perf_counter()
            time.sleep(0.2)
    until = time.monotonic() + 30
    while len(seen) < len(digests) and time.monotonic() < until:
        time.sleep(0.1)
    done.set()
    reader.join()
    load.wait()
    assert len(seen) == len(digests), "a membership never came"
    delays = sorted(seen[it] - at for it, at in acked.items())
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        took = delays[min(len(delays) - 1, int(len(delays) * share))] * 1000
        found.add(
            f"acked to membership visible, {name}", data=f"{people:,} people", ours=took, limit=1000, unit="ms",
            note=f"at {rate:,.0f} events/s, {len(delays)} looked for; the limit is the promise",
        )  # fmt: skip


def _look(segment: UUID, acked: dict[UUID, float], seen: dict[UUID, float], done: threading.Event) -> None:
    """A reader of its own, every few milliseconds."""
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name, autocommit=True) as reader:
        while not done.is_set():
            missing = [it for it in list(acked) if it not in seen]
            rows = reader.execute(
                "SELECT profile_id FROM segments_membership WHERE segment_id = %s AND member AND profile_id = ANY(%s)",
                [segment, missing],
            ).fetchall()
            now = time.perf_counter()
            for (profile,) in rows:
                seen[profile] = now
            time.sleep(0.005)


class Probe:
    """One kept connection that applies coupons."""

    def __init__(self, port: int, key: str) -> None:
        self._wire, self._key = socket.create_connection(("127.0.0.1", port)), key

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: Any) -> None:
        self._wire.close()

    def apply(self, person: int) -> None:
        """One event, acked when this returns."""
        event = {
            "type": "track", "event": "Coupon Applied", "userId": f"r-{person}", "messageId": f"probe-{time.time_ns()}",
        }  # fmt: skip
        self._wire.sendall(request("/v1/track", self._key, event))
        answer = self._wire.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:40]
