"""Looks after the installation, four times a minute: listens to the sources, opens and closes alerts, tells of them,
and sends the links for new passwords.

Every process's reporter calls `look`; the one whose database session holds the advisory lock does it, and when that
process dies, another one's next call does. So a missing worker is noticed by the web process, and the other way round.
"""

import time
from datetime import datetime

import structlog
from django.db import DatabaseError, connection

from cdp.access import resets
from cdp.alerts.telling import tell
from cdp.alerts.update import update
from cdp.operations import checks
from cdp.sources.listen import listen

log = structlog.get_logger(__name__)
SECONDS = 15.0
LOCK = 0x7761746368  # "watch" in ASCII

_due = 0.0


def look(now: datetime) -> bool:
    """One look, if it is time for one and this process is the one that looks; whether it was."""
    global _due
    if time.monotonic() < _due or not _mine():
        return False
    _due = time.monotonic() + SECONDS
    at_once(now)
    return True


def _mine() -> bool:
    """Holds this session the lock, or can it have it? Taking it again only adds to a count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
            " AND ((classid::bigint << 32) | objid::bigint) = %s) OR pg_try_advisory_lock(%s)",
            [LOCK, LOCK],
        )
        return bool(cursor.fetchone()[0])


def at_once(now: datetime) -> None:
    """One look. A check that fails leaves the alerts of its kinds as they are."""
    listen(checks.totals(), at=now)
    findings, looked_for = [], set()
    for kinds, check in checks.ALL:
        try:
            findings += check(now)
            looked_for |= set(kinds)
        except (DatabaseError, OSError) as error:
            log.warning("watch.check_failed", kind=kinds[0], error=type(error).__name__)
    update(findings, looked_for=looked_for, at=now)
    tell(at=now)
    resets.send_due(at=now)
