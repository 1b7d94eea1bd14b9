"""The one writer of the log: moves pending entries into it, in order, without a gap.

Delete and append are one transaction, so there is no cursor that a late commit could slip behind.
"""

import threading

import structlog
from django.db import DatabaseError, close_old_connections, connection, transaction

# The key of the advisory lock: "audit" in ASCII. Whoever holds it is the sequencer.
LOCK = 0x6175646974
IDLE_SECONDS = 0.2

_APPEND = """
WITH taken AS (
    DELETE FROM audit_pending WHERE id = ANY (ARRAY(SELECT id FROM audit_pending ORDER BY id LIMIT %s))
    RETURNING id, entry, sealed, at
)
INSERT INTO audit_entry (
    sequence, entry_id, at, actor_kind, actor_id, role, on_behalf_of, action, object_type, object_id, subjects, fields,
    purpose, basis, reason_sealed, outcome, rows, request_id, client, details)
SELECT %s + row_number() OVER (ORDER BY id), (entry->>'entry_id')::uuid, at, entry->>'actor_kind', entry->>'actor_id',
    entry->>'role', entry->>'on_behalf_of', entry->>'action', entry->>'object_type', entry->>'object_id',
    ARRAY(SELECT decode(hex, 'hex') FROM jsonb_array_elements_text(entry->'subjects') WITH ORDINALITY AS s (hex, n)
          ORDER BY n),
    ARRAY(SELECT name FROM jsonb_array_elements_text(entry->'fields') WITH ORDINALITY AS f (name, n) ORDER BY n),
    entry->>'purpose', entry->>'basis', sealed, entry->>'outcome', (entry->>'rows')::int, entry->>'request_id',
    entry->>'client', entry->'details'
FROM taken ORDER BY id
"""

log = structlog.get_logger(__name__)


def sequence(limit: int = 5000) -> int:
    """Moves up to `limit` pending entries into the log, in the order of their making; how many.

    0 when none waits or another process is at it. `sequence` numbers rise by one from 1 and are never reused."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        # A statement of its own, after the lock: its snapshot then holds what the last sequencer committed.
        cursor.execute("SELECT coalesce(max(sequence), 0) FROM audit_entry")
        last = cursor.fetchone()[0]
        cursor.execute(_APPEND, [limit, last])
        return int(cursor.rowcount)


def run_forever(stop: threading.Event, *, limit: int = 5000) -> None:
    """Sequences until `stop` is set; for a thread of the worker. May run in many processes: one at a time is at it.

    It asks every 0.2 s instead of waiting for NOTIFY, for NOTIFY makes all commits that use it queue for one lock, and
    nearly every transaction writes an entry. A lost database is waited for, with growing pauses.
    """
    pause = IDLE_SECONDS
    while not stop.is_set():
        try:
            moved = sequence(limit)
            pause = IDLE_SECONDS
        except DatabaseError as error:
            log.warning("audit.database_away", error=type(error).__name__)
            moved, pause = 0, min(pause * 2, 5.0)
            close_old_connections()
            connection.close()
        if moved < limit:
            stop.wait(pause)
    connection.close()
