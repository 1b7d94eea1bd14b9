"""How fast the wire takes events, against the limit of the same database in the same run.

The limit is what one connection can do with nothing in front: COPY of the same rows and dedupe into the inbox, in transactions of
1,000, flushed. Web server, PostgreSQL and load generator share the machine, so the processor time that each uses for a request
is told too. Growth: ids already seen (BENCH_SEEN=30000000 measures with that many only).
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
from tests.benchmarks import processor
from tests.benchmarks.results import growth, section
from tests.events.conftest import ADMIN
from tests.servers import Server, server  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
SECONDS_OF_LIMIT, GROUP = 5.0, 1_000
WARM = 2_000
LOADS = (("single requests", 64, 20_000, 1), ("batches of 100", 16, 2_000, 100))


def admin(**options: Any) -> "psycopg.Connection[Any]":
    return psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"], **options)


def limit() -> float:
    """Rows a second of bare COPY with dedupe."""
    body, rows = os.urandom(620), 0
    with admin() as connection, connection.cursor() as cursor:
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
        cursor.execute("TRUNCATE events_inbox")
        connection.commit()
    return rows / seconds


def _row(body: bytes) -> bytes:
    return b"\0\2" + b"\0\0\0\x10" + os.urandom(16) + len(body).to_bytes(4, "big") + body


def preload(rows: int) -> None:
    """Fills the dedupe table up to so many ids. Pages of the index are as full as random keys leave them: were they full,
    the first messages would split every one of them."""
    with admin(autocommit=True) as connection:
        (have,) = connection.execute("SELECT count(*) FROM events_seen").fetchone() or (0,)
        connection.execute("ALTER TABLE events_seen DROP CONSTRAINT events_seen_pkey")
        connection.execute(
            "INSERT INTO events_seen SELECT gen_random_uuid(), '2026-01-01' FROM generate_series(1, %s)", [rows - have]
        )
        connection.execute("ALTER TABLE events_seen ADD PRIMARY KEY (digest) WITH (fillfactor = 70)")
        parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events_seen_pkey'::regclass"
        for (index,) in connection.execute(parts).fetchall():
            connection.execute(f"ALTER INDEX {index} RESET (fillfactor)")
        connection.execute("VACUUM ANALYZE events_seen")
        connection.execute("CHECKPOINT")


def load(web: Server, key: str, connections: int, requests: int, events: int) -> dict[str, Any]:
    """One run of the load generator in its own process, with the processor time of web server and PostgreSQL."""
    assert web.process
    command = [sys.executable, "-m", "tests.benchmarks.ingest_load", str(web.port), key]
    before = [processor.seconds(pids) for pids in ([web.process.pid], processor.database())]
    done = subprocess.run(
        [*command, str(connections), str(requests), str(events)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    after = [processor.seconds(pids) for pids in ([web.process.pid], processor.database())]
    used = [end - start for start, end in zip(before, after, strict=True)]
    found: dict[str, Any] = json.loads(done.stdout) | dict(zip(("web", "database"), used, strict=True))
    return found


def note(found: dict[str, Any], events: int) -> str:
    """Latencies, and processor time by request, or by event of a batch."""
    each = {name: found[name] / found["events"] * 1e6 for name in ("web", "database", "processor")}
    return (
        f"p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms; {sum(each.values()):.0f} µs of processor time"
        f" {'a request' if events == 1 else 'an event'}: web {each['web']:.0f}, PostgreSQL {each['database']:.0f},"
        f" load {each['processor']:.0f}"
    )


def test_ingest(server: Callable[..., Server]) -> None:
    sizes = [int(os.environ["BENCH_SEEN"])] if "BENCH_SEEN" in os.environ else growth(300_000)
    with section("ingest", "The ingestion wire", peer="bare COPY with dedupe, 1,000 rows a transaction") as found:
        for seen in sizes:
            source, key = create.create(f"shop-{seen}", by=ADMIN)
            preload(seen)
            most, web, sent = limit(), server(threads=64), WARM
            load(web, key, 64, WARM, 1)
            for label, connections, requests, events in LOADS:
                run = load(web, key, connections, requests, events)
                sent += run["events"]
                found.add(
                    f"{label}, {connections} connections",
                    data=f"{seen:,} ids seen",
                    ours=run["events"] / run["seconds"],
                    limit=most,
                    unit="events/s",
                    note=note(run, events),
                )
            web.kill()
            assert reconciliation(source.id)["pending"] == sent  # each once, and all of them
            assert check() == {}
            with admin() as connection:
                connection.execute("TRUNCATE events_inbox, events_tally")
