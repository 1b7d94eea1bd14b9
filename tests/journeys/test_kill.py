"""kill -9 of web, worker and PostgreSQL at random moments: nothing acknowledged is lost, nothing is counted twice.

A sender behaves as the SDKs do: it sends a batch again, with the same message ids, until it is answered 200. At the end the
reconciliation must add up, and a count that knows nothing of it (what was sent, against the rows of the event store) must agree.
`CASES` scales it: 20 kills in 50,000 events with `make laws`.
"""

import base64
import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import psycopg

from tests.installation import Installation, installation

__all__ = ["installation"]

FULL = int(os.environ.get("CASES", "0")) >= 100
EVENTS, KILLS, BATCH = (50_000, 20, 50) if FULL else (6_000, 6, 20)


def _send(url: str, key: str, numbers: range, failed: list[str]) -> None:
    """Sends these events in batches until each is acknowledged; every tenth batch is sent twice."""
    token = base64.b64encode(f"{key}:".encode()).decode()
    for start in range(numbers.start, numbers.stop, BATCH):
        batch = [
            {
                "type": "track", "event": "Order Completed", "messageId": f"m-{number}", "userId": f"u-{number % 97}",
                "properties": {"revenue": 1, "total": number},
            }
            for number in range(start, min(start + BATCH, numbers.stop))
        ]  # fmt: skip
        body = json.dumps({"batch": batch}).encode()
        for _ in range(2 if start // BATCH % 10 == 0 else 1):
            if not _until_acknowledged(url, token, body):
                failed.append("a batch was never acknowledged")
                return


def _until_acknowledged(url: str, token: str, body: bytes) -> bool:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        request = urllib.request.Request(f"{url}/v1/batch", data=body, headers={"Authorization": f"Basic {token}"})
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                if answer.status == 200:
                    return True
        except urllib.error.HTTPError as error:
            if error.code not in {429, 500, 502, 503}:
                return False
        except OSError:
            pass
        time.sleep(0.1)
    return False


def test_nothing_is_lost_and_nothing_doubled(installation: Installation) -> None:
    installation.up()
    write_key = installation.secret("create_source", "shop", prefix="wk_")
    read_key = installation.secret("create_key", "checks", "--scope", "sources:read", prefix="cdp_")
    failed: list[str] = []
    share = EVENTS // 4
    senders = [
        threading.Thread(target=_send, args=(installation.url, write_key, range(n * share, (n + 1) * share), failed))
        for n in range(4)
    ]
    for sender in senders:
        sender.start()
    dice = random.Random(7)
    killed: Counter[str] = Counter()
    kinds = [kind for kind, found in installation.children().items() if found]  # no PostgreSQL, where it is not ours
    while sum(killed.values()) < KILLS:
        time.sleep(dice.uniform(0.5, 3.0))
        kind = kinds[sum(killed.values()) % len(kinds)]
        victims = installation.children()[kind]
        if victims:
            os.kill(dice.choice(victims), signal.SIGKILL)
            killed[kind] += 1
    for sender in senders:
        sender.join(300)
    assert not failed
    assert not any(sender.is_alive() for sender in senders)

    installation.wait(lambda: installation.get("/readyz")[0] == 200, seconds=60)
    source = installation.get("/api/v1/sources/", read_key)[1]["results"]
    path = f"/api/v1/sources/{next(it['id'] for it in source if it['name'] == 'shop')}/reconciliation/"
    installation.wait(lambda: installation.get(path, read_key)[1].get("pending") == 0, seconds=180)
    counted = installation.get(path, read_key)[1]
    assert counted["stored"] == EVENTS
    assert counted["accepted"] == sum(
        counted[name] for name in ("stored", "duplicates", "rejected", "suppressed", "denied", "pending")
    )
    assert counted["duplicates"] > 0
    with psycopg.connect(installation.database_url) as database:
        rows = database.execute(
            "SELECT count(*), count(DISTINCT message), sum((facts->>'total')::int) FROM events_event"
        ).fetchone()
        assert rows == (EVENTS, EVENTS, sum(range(EVENTS)))
        assert database.execute("SELECT count(*) FROM identity_record").fetchone() == (97,)
