"""How fast the wire takes events, against the limit of the same database in the same run.

    pytest -s tests/benchmarks/bench_ingest.py          (BENCH_SEEN=30000000 preloads the dedupe table)

The limit is what one connection can do with nothing in front: COPY of the same rows into the inbox and dedupe, in
transactions of 1,000. Everything (web server, PostgreSQL, load generator) shares the machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from cdp.events.reads import check, reconciliation
from cdp.sources import create
from tests.events.conftest import ADMIN
from tests.servers import Server, server  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
SECONDS_OF_LIMIT, GROUP = 5.0, 1_000


def limit() -> float:
    """Rows a second of bare COPY with dedupe."""
    name = settings.DATABASES["default"]["NAME"]
    body, rows = os.urandom(620), 0
    with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bench (digest uuid, sealed bytea)")
        connection.commit()
        start = time.perf_counter()
        while time.perf_counter() - start < SECONDS_OF_LIMIT:
            cursor.execute("TRUNCATE bench")
            with cursor.copy("COPY bench FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + b"".join(_row(body) for _ in range(GROUP)) + b"\xff\xff")
            cursor.execute(
                "WITH new AS (INSERT INTO events_seen SELECT digest, '2026-03-01' FROM bench ORDER BY digest"
                " ON CONFLICT DO NOTHING RETURNING digest)"
                " INSERT INTO events_inbox (source_id, message, received_at, sealed)"
                " SELECT gen_random_uuid(), digest, now(), sealed FROM bench JOIN new USING (digest)"
            )
            connection.commit()
            rows += GROUP
        seconds = time.perf_counter() - start
        cursor.execute("DELETE FROM events_inbox")
        connection.commit()
    return rows / seconds


def _row(body: bytes) -> bytes:
    return b"\0\2" + b"\0\0\0\x10" + os.urandom(16) + len(body).to_bytes(4, "big") + body


def preload(rows: int) -> None:
    """Fills the dedupe table."""
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name, autocommit=True) as connection:
        for _ in range(0, rows, 1_000_000):
            connection.execute(
                "INSERT INTO events_seen SELECT gen_random_uuid(), '2026-01-01' FROM generate_series(1, 1000000)"
            )
        connection.execute("VACUUM ANALYZE events_seen")
        connection.execute("CHECKPOINT")


def load(port: int, key: str, connections: int, requests: int, events: int) -> dict[str, Any]:
    """One run of the load generator, in its own process."""
    command = [sys.executable, "-m", "tests.benchmarks.ingest_load", str(port), key]
    done = subprocess.run(
        [*command, str(connections), str(requests), str(events)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_ingest(server: Callable[..., Server]) -> None:
    source, key = create.create("shop", by=ADMIN)
    if rows := int(os.environ.get("BENCH_SEEN", "0")):
        preload(rows)
    most = limit()
    print(f"\nlimit: bare COPY with dedupe, {GROUP} a transaction: {most:,.0f} events/s ({rows:,} ids preloaded)")
    web = server(threads=64)
    load(web.port, key, 64, 2_000, 1)  # warm
    for label, connections, requests, events in (
        ("single requests", 64, 20_000, 1),
        ("batches of 100", 16, 1_500, 100),
    ):
        found = load(web.port, key, connections, requests, events)
        rate = found["events"] / found["seconds"]
        print(
            f"{label:16} {connections} connections: {found['requests'] / found['seconds']:,.0f} requests/s, {rate:,.0f} events/s"
            f" = {rate / most:.0%} of the limit; p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms"
        )
    assert check() == {}
    assert reconciliation(source.id)["pending"] == 2_000 + 20_000 + 150_000
