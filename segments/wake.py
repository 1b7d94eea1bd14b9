"""Wake-ups: people whose membership time alone may have changed are evaluated when that moment comes."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cdp import outbox
from segments import memberships, program
from segments.evaluate import Subject
from segments.live import LIVE
from segments.memberships import Difference
from segments.nodes import micros, moment
from segments.program import Definition
from segments.refresh import lock, subjects, until

# One waker at a time: "wake" in ASCII.
LOCK = 0x77616B65
_MOST_BATCHES = 20
_MOST_STEPS = 1000

_DUE = """
SELECT segment_id, profile_id, flips_at FROM segments_membership WHERE flips_at <= %s ORDER BY flips_at LIMIT %s
"""
_STORED = """
SELECT segment_id, profile_id, member, flips_at FROM segments_membership
WHERE profile_id = ANY(%s) AND segment_id = ANY(%s) AND flips_at <= %s
"""


def wake(now: datetime, limit: int = 1000) -> int:
    """Brings memberships up to date whose `flips_at` has come: in batches of `limit`, a transaction each, up to 20 batches;
    how many were evaluated (0: nothing is due, or another process is at it). Not inside a transaction of a pipeline batch.

    Each is evaluated at its own moments, so history says when it changed, not when it was noticed."""
    total = 0
    for _ in range(_MOST_BATCHES):
        done = _batch(now, limit)
        total += done
        if done < limit:
            break
    return total


def _batch(now: datetime, limit: int) -> int:
    with LIVE.step():
        return _evaluate(now, limit)


def _evaluate(now: datetime, limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_DUE, [now, limit])
        due = cursor.fetchall()
    if not due:
        return 0
    follows = LIVE.holds()
    program.share()
    ids = sorted({profile_id for _, profile_id, _ in due})
    facts = lock(ids)
    memberships.remove([it for it in ids if it not in facts], at=now)
    chosen = [it for it in program.current().definitions if it.id in {segment for segment, _, _ in due}]
    _orphans({segment for segment, _, _ in due} - {it.id for it in chosen}, now)
    if facts and chosen:
        rows = _stored(ids, chosen, now)  # read again under the locks
        if rows:
            differences = _differences(facts, chosen, rows, now)
            memberships.write(differences)
            if follows:
                LIVE.learn(differences)
            else:  # whoever follows has the old memberships in memory
                outbox.changed([it.profile_id for it in differences], reason="wake")
    return len(due)


def _orphans(segment_ids: set[UUID], now: datetime) -> None:
    """Disabled or deleted segments have no members."""
    for segment_id in segment_ids:
        memberships.remove([], at=now, segment_id=segment_id)


def _stored(ids: Sequence[UUID], chosen: Sequence[Definition], now: datetime) -> dict[UUID, list[Any]]:
    rows: dict[UUID, list[Any]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [list(ids), [it.id for it in chosen], now])
        for segment_id, profile_id, member, flips_at in cursor.fetchall():
            rows[segment_id].append((profile_id, member, flips_at))
    return rows


def _differences(
    facts: dict[UUID, str], chosen: Sequence[Definition], rows: dict[UUID, list[Any]], now: datetime
) -> list[Difference]:
    earliest = min(flips_at for found in rows.values() for _, _, flips_at in found)
    people = subjects(facts, chosen, now, since=micros(earliest))
    differences = []
    for definition in chosen:
        for profile_id, member, flips_at in rows.get(definition.id, ()):
            if profile_id in people:
                stays = _step(definition, people[profile_id], member, flips_at, now)
                differences += [
                    Difference(definition.id, definition.key, profile_id, was, truth, flips, at)
                    for was, truth, flips, at in stays
                ]
    return differences


def _step(
    definition: Definition, subject: Subject, member: bool, flips_at: datetime, now: datetime
) -> list[tuple[bool, bool, datetime | None, datetime]]:
    """Walks from flip to flip up to `now`. One row: (was, truth, flips at, since when); a member who left and came back in
    one walk counts as having stayed."""
    at, end = micros(flips_at), micros(now)
    truth, since = member, at
    flips = at
    for _ in range(_MOST_STEPS):
        verdict, flips = definition.judge(subject, at)
        if verdict is not truth:
            truth, since = verdict, at
        if flips > end:
            break
        at = flips
    else:
        verdict, flips = definition.judge(subject, end)
        if verdict is not truth:
            truth, since = verdict, end
    return [(member, truth, until(flips), moment(since))]
