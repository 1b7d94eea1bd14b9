"""Two who correct one person at once, each having seen the same: the second is told."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, connections, transaction

from identity import known, locks
from tests.console.conftest import client_with, populate

REASON = "Customer corrected it on the phone"
_WAITING = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return int(cursor.fetchone()[0])


def test_of_two_corrections_with_one_etag_the_second_is_refused(clean: None) -> None:
    world, client = populate(), client_with("profiles:*")
    path = f"/api/v1/profiles/{world.alice}/"
    tag = client.get(path).headers["ETag"]

    def correct(name: str) -> int:
        try:
            body = json.dumps({"traits": {"firstName": name}, "reason": REASON})
            return client.patch(path, body, content_type="application/json", headers={"if-match": tag}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            locks.take()
            asked = {name: pool.submit(correct, name) for name in ("Alicia", "Alix")}
            deadline = time.monotonic() + 60
            while _waiting() < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
        done = {name: it.result(timeout=60) for name, it in asked.items()}
    assert sorted(done.values()) == [200, 412]
    person = known.one(world.alice)
    assert person is not None
    [stands] = [it.value for it in person.golden if it.name == "firstName"]
    assert done[str(stands)] == 200
    assert client.get(path).headers["ETag"] != tag
