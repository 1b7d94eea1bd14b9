"""How fast a profile is read: `manage.py bench profiles`. Key, permission, mask and audit entry, through the real web server.

An open loop: requests are sent at their times whether or not earlier ones were answered, and latency counts from the time a
request was due. Profiles are drawn at random from all, so that hardly any key or page is remembered. The limit is a bare
SELECT of the profile's row by psycopg, at the same rate, right after.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from random import Random

import psycopg
from django.conf import settings
from django.db import connection, connections

from cdp.access.keys import create_key
from cdp.audit import SYSTEM
from cdp.sources import lookup
from cdp.sources.create import create
from consent.purposes import ensure_purpose
from segments.define import define
from segments.rebuild import build
from tests.benchmarks import processor
from tests.benchmarks.profile_seed import id_of, seed
from tests.benchmarks.results import Section, growth, section
from tests.servers import Server, server  # noqa: F401 - a fixture

RATE = int(os.environ.get("BENCH_RATE", "200"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "30"))
CONNECTIONS = 16
SEGMENTS = {
    "dutch": {"trait": "country", "is": "NL"},
    "belgian": {"trait": "country", "is": "BE"},
    "frequent": {"trait": "logins", "gte": 10},
    "often": {"trait": "logins", "gte": 30},
    "new": {"trait": "logins", "lt": 25},
}
BARE = "SELECT id, facts::text, provenance::text, records, version FROM identity_profile WHERE id = %s"


def test_profiles(server: Callable[..., Server], child_environment: dict[str, str]) -> None:
    sources = [lookup.info_of(create(name, by=SYSTEM, namespace=name)[0]) for name in ("shop", "till")]
    ensure_purpose("news", basis="consent", by=SYSTEM)
    _, token = create_key("bench", ["profiles:read"], SYSTEM)
    web = server(processes=2)  # as docs/operations.md advises where much is read
    with section("profiles", "Profile reads", peer="a bare SELECT of the profile's row, at the same rate") as found:
        there = 0
        for people in growth(10_000):
            began = time.monotonic()
            seed(there, people, sources, child_environment)
            there = people
            print(f"{people:,} profiles: seeded in {time.monotonic() - began:.0f} s", flush=True)
            _settle()
            _measure(found, people, web, token)


def _settle() -> None:
    """Members of the segments, statistics, and nothing left to be written while it is measured."""
    now = datetime.now(UTC)
    for key, rule in SEGMENTS.items():
        purpose = "news" if key in {"often", "new"} else "operate"
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM segments_segment WHERE key = %s", [key])
            row = cursor.fetchone()
        segment = row[0] if row else define(key, rule, by=SYSTEM, at=now, key=key, purpose=purpose).id
        build(segment, at=now)
    for alias in ("default", "vault"):
        name = connections[alias].settings_dict["NAME"]
        with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name, autocommit=True) as admin:
            admin.execute("VACUUM (ANALYZE)")
            admin.execute("CHECKPOINT")  # what a real base has behind it by the time it has a million profiles
    os.sync()


def _measure(found: Section, people: int, web: Server, token: str) -> None:
    assert web.process is not None
    read = _requests(web, token, people, Random(people))
    drive(read, rate=RATE, seconds=3)  # connections, prepared statements
    used = processor.seconds([web.process.pid]), processor.seconds(processor.database())
    times = drive(read, rate=RATE, seconds=SECONDS)
    spent = [
        (after - before) / len(times) * 1e3
        for before, after in zip(
            used, (processor.seconds([web.process.pid]), processor.seconds(processor.database())), strict=True
        )
    ]
    bare = drive(_bare(people, Random(people + 1)), rate=RATE, seconds=min(SECONDS, 10))
    note = f"at {RATE}/s; processor: web {spent[0]:.1f} ms, PostgreSQL {spent[1]:.1f} ms"
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        ours, limit = quantile(times, share) * 1e3, quantile(bare, share) * 1e3
        found.add(f"GET profile, {name}", data=f"{people:,} profiles", ours=ours, limit=limit, unit="ms", note=note)


def drive(one: Callable[[], Callable[[], None]], *, rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, in an open loop. `one()` makes the sender of one connection."""
    due: SimpleQueue[float | None] = SimpleQueue()
    times: list[float] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            send = one()
            ready.wait()
            while (at := due.get()) is not None:
                send()
                times.append(time.perf_counter() - at)
        except BaseException as error:
            failed.append(error)
            ready.abort()
            raise

    ready = threading.Barrier(CONNECTIONS + 1)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        at = start + number / rate
        time.sleep(max(0.0, at - time.perf_counter()))
        due.put(at)
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join(60)
    assert not failed
    return times


def _requests(web: Server, token: str, people: int, dice: Random) -> Callable[[], Callable[[], None]]:
    """Raw HTTP/1.1 over a kept connection: the load generator shares the machine, so it must cost little."""

    def one() -> Callable[[], None]:
        wire = socket.create_connection(("127.0.0.1", web.port), timeout=60)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

        def send() -> None:
            wire.sendall(b"GET /api/v1/profiles/%s/ " % str(id_of(dice.randrange(people))).encode() + head)
            answer = wire.recv(65536)
            while b"\r\n\r\n" not in answer:
                answer += wire.recv(65536)
            top, _, body = answer.partition(b"\r\n\r\n")
            assert top.startswith(b"HTTP/1.1 200"), top[:60]
            length = int(top.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            while len(body) < length:
                body += wire.recv(65536)

        return send

    return one


def _bare(people: int, dice: Random) -> Callable[[], Callable[[], None]]:
    def one() -> Callable[[], None]:
        own = settings.DATABASES["default"]
        peer = psycopg.connect(
            host=own["HOST"], port=own["PORT"] or None, user=own["USER"], password=own["PASSWORD"] or None,
            dbname=connection.settings_dict["NAME"], autocommit=True, prepare_threshold=0,
        )  # fmt: skip

        def send() -> None:
            assert peer.execute(BARE, [id_of(dice.randrange(people))], binary=True).fetchone()

        return send

    return one


def quantile(times: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ranked = sorted(times)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
