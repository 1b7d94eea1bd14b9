"""Faults while events arrive: processes killed, connections cut, rows refused. A 200 is never taken back, nothing doubles."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import transaction

from cdp.events import commit, writer
from cdp.events.accept import Overloaded, accept
from cdp.events.claim import claim
from cdp.events.models import Rejection
from cdp.events.reads import check, reconciliation
from cdp.events.writer import Writer
from cdp.sources import create
from tests.events.conftest import ADMIN, Shop
from tests.events.load import Load
from tests.servers import Server

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
Counts = Callable[[], dict[str, int]]


def track(n: object) -> dict[str, Any]:
    return {"type": "track", "event": "Order Completed", "userId": "u", "messageId": f"m-{n}"}


def admin() -> "psycopg.Connection[Any]":
    return psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"], autocommit=True)


def inbox() -> Counter[str]:
    found: Counter[str] = Counter()
    with transaction.atomic():
        while claimed := claim(5_000):
            found.update(event.event["messageId"] for event in claimed)
    return found


def test_threads_with_the_same_messages(shop: Shop, counts: Counts) -> None:
    def offer(seed: int) -> None:
        order = random.Random(seed).sample(range(60), 60)
        for start in range(0, 60, 7):
            accept(shop.info, [track(n) for n in order[start : start + 7]], received_at=NOW)

    threads = [threading.Thread(target=offer, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts() == {"accepted": 720, "duplicates": 660, "pending": 60}


def test_a_row_that_the_database_refuses_does_not_poison_its_group(shop: Shop, counts: Counts) -> None:
    with admin() as connection:
        connection.execute("ALTER TABLE events_inbox ADD CONSTRAINT small CHECK (length(sealed) < 1000)")
    try:
        events = [track(n) for n in range(40)]
        events[17]["properties"] = {"x": "y" * 2000}
        receipt = accept(shop.info, events, received_at=NOW)
    finally:
        with admin() as connection:
            connection.execute("ALTER TABLE events_inbox DROP CONSTRAINT small")
    assert [(each.index, each.reason) for each in receipt.rejected] == [(17, "unstorable")]
    assert counts() == {"accepted": 40, "rejected": 1, "pending": 39}
    assert Rejection.objects.get().reason == "unstorable"
    assert accept(shop.info, [events[17]], received_at=NOW).duplicates == 0


def test_a_lost_connection_is_made_again(shop: Shop, counts: Counts) -> None:
    for n in range(5):
        accept(shop.info, [track(n)], received_at=NOW)
        with admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cdp events%'"
            )
    assert counts() == {"accepted": 5, "pending": 5}


def test_no_commit_within_the_time_limit_is_no_acceptance(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    item = commit.Item(shop.info.id.bytes, 0, digest=os.urandom(16), sealed=b"x")
    with admin() as connection, connection.transaction():
        connection.execute("LOCK TABLE events_inbox")
        start = time.monotonic()
        with pytest.raises(Overloaded):
            writer.current().submit([item], seconds=0.5)
        assert time.monotonic() - start < 3


def test_a_full_queue_and_a_crowding_source(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WAITING", 10)
    idle = Writer.__new__(Writer)
    idle._queue, idle._waiting, idle._guard, idle._wake = [], 0, threading.Lock(), threading.Event()
    idle._by_source = Counter()

    def offer(source: bytes, n: int) -> bool | None:
        try:
            idle.submit([commit.Item(source, 0)] * n, seconds=0.01)
        except Overloaded as overloaded:
            return overloaded.crowding if "queue" in str(overloaded) else None
        return None

    assert offer(b"a", 7) is None  # waits in the queue; nobody commits it
    assert offer(b"a", 2) is True  # beyond this source's share
    assert offer(b"b", 2) is None
    assert offer(b"b", 2) is False  # beyond the queue


def test_a_dead_writer_ends_the_process(child_environment: dict[str, str], shop: Shop) -> None:
    program = """
import os, django; django.setup()
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4
from cdp.events import commit
from cdp.events.accept import accept
def broken(*args, **kwargs): raise SystemExit
commit.write = broken
accept(SimpleNamespace(id=uuid4()), [{"type": "page", "userId": "u"}], received_at=datetime.now(UTC))
"""
    environment = child_environment | {"DJANGO_SETTINGS_MODULE": "cdp.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, timeout=60, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == writer.EXIT_CODE


@pytest.mark.slow
def test_kill_9_of_the_web_server(server: Callable[..., Server]) -> None:
    source, key = create.create("shop", by=ADMIN)
    web = server()
    messages = [f"k-{n}" for n in range(6_000)]
    load = Load([web.port], key, messages, connections=16)
    kills = 0
    while kills < 4:
        before = len(load.acknowledged)
        time.sleep(random.uniform(0.3, 0.8))
        web.kill()
        web.start()
        kills += 1
        assert len(load.acknowledged) >= before
    load.wait(90)
    assert check() == {}
    assert reconciliation(source.id)["pending"] == 6_000
    found = inbox()
    assert set(found.values()) == {1}
    assert set(load.acknowledged) == set(found) == set(messages)


@pytest.mark.slow
def test_two_web_servers_with_overlapping_messages(server: Callable[..., Server]) -> None:
    source, key = create.create("shop", by=ADMIN)
    ports = [server().port, server().port]
    messages = [f"o-{n}" for n in range(2_000)]
    shuffled = random.sample(messages, len(messages))
    loads = [Load(ports, key, order, connections=12) for order in (messages, shuffled)]
    for load in loads:
        load.wait(90)
        assert load.statuses.keys() == {200}
    assert check() == {}
    counts = reconciliation(source.id)
    assert (counts["accepted"], counts["duplicates"], counts["pending"]) == (4_000, 2_000, 2_000)
    with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=settings.DATABASES["default"]["NAME"]) as connection:
        (deadlocks,) = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone() or (0,)
    assert deadlocks == 0
