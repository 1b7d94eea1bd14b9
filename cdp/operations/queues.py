"""The queues: how many wait in each, and for how long the first of them has. Cheap, however many that are."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from kombu import Connection
from kombu.exceptions import KombuError, OperationalError

_MOST = 100_000  # rows that are counted one by one
QUEUES = ("celery",)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue in the database."""

    n: int
    seconds: float


_TABLES = {
    "changes": ("outbox_change", "at"),
    "happenings": ("outbox_happening", "at"),
    "messages": ("outbox_message", "at"),
    "audit": ("audit_pending", "at"),
}


def waiting(now: datetime) -> dict[str, Waiting]:
    """inbox (accepted events), changes and happenings (of people, for memberships), messages (to be told onward) and audit.

    The events that wait are what was accepted less what became of the others; the rest is counted up to 100,000."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(CASE outcome WHEN 'accepted' THEN n ELSE -n END), 0)::bigint FROM events_tally"
        )
        pending = max(0, int(cursor.fetchone()[0]))
        found = {"inbox": Waiting(pending, _age(cursor, "events_inbox", "received_at", now))}
        for name, (table, column) in _TABLES.items():
            cursor.execute(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT {_MOST}) AS t")
            n = int(cursor.fetchone()[0])
            found[name] = Waiting(n, _age(cursor, table, column, now) if n else 0.0)
    return found


def _age(cursor: Any, table: str, column: str, now: datetime) -> float:
    cursor.execute(f"SELECT {column} FROM {table} ORDER BY id LIMIT 1")
    row = cursor.fetchone()
    return max(0.0, (now - row[0]).total_seconds()) if row else 0.0


def broker() -> dict[str, int] | None:
    """How many jobs wait in each queue of the broker; None when it does not answer."""
    link = Connection(
        settings.CELERY_BROKER_URL, connect_timeout=2
    )  # of the web process no Celery application is known
    try:
        with link:
            link.ensure_connection(max_retries=1, timeout=2)
            channel: Any = link.default_channel
            found = dict.fromkeys(QUEUES, 0)
            for name in QUEUES:
                with suppress(*link.channel_errors):  # a queue that nobody has used yet is not there
                    found[name] = int(channel.queue_declare(queue=name, passive=True).message_count)
            return found
    except _away(link):
        return None


def _away(link: Connection) -> tuple[type[BaseException], ...]:
    """What a broker that does not answer is told by."""
    return (OSError, KombuError, OperationalError, *link.connection_errors)
