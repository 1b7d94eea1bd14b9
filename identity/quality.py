"""A look over all profiles of several records: who may be more than one person, and the figures of the moment.

In batches, each a transaction of its own, so that a look that was stopped goes on where it ended; nothing of it holds the flow
up. A look after the first sees only what changed since. What is suspicious also becomes a question of the steward's queue.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models.functions import TruncDay
from kombu.exceptions import OperationalError

from cdp import audit
from cdp.arrays import uuids
from cdp.audit import Actor
from cdp.ids import uuid7
from identity import records
from identity.contradictions import Several, Witness
from identity.linking import active
from identity.models import QualityScan, Review, Suspect
from identity.records import Rec
from identity.suspects import LINE, Beside, Pair, Suspicion, Tie, suspect
from identity.witnesses import count_several, rates, ties, witnesses

log = structlog.get_logger(__name__)

BATCH = 500
EVERY = timedelta(hours=1)  # a point of the figures' history, if nothing changed
IN_FLIGHT = timedelta(minutes=10)  # a batch that began so long ago may have been committed since
_LOCK = 0x7175616C  # "qual": one look at a time
_PAGE = """
SELECT id FROM identity_profile WHERE records > 1 AND (%s::uuid IS NULL OR id > %s::uuid)
AND (%s::timestamptz IS NULL OR updated_at > %s::timestamptz) ORDER BY id LIMIT %s
"""
_FIGURES = {
    "profiles": "SELECT count(*) FROM identity_profile",
    "records": "SELECT count(*) FROM identity_record",
    "links": "SELECT count(*) FROM identity_link",
    "pairs": "SELECT count(*) FROM (SELECT DISTINCT left_id, right_id FROM identity_link) p",
    "similar": "SELECT count(*) FROM identity_link WHERE rule = 'similar'",
    "suspects": f"SELECT count(*) FROM identity_suspect WHERE cleared_by = '' AND weight >= {LINE}",
    "open": "SELECT count(*) FROM identity_review WHERE state = 'open'",
    "merges": "SELECT count(*) FROM identity_merge WHERE kind = 'merged' AND undone_at IS NULL",
}
_STORE = """
INSERT INTO identity_suspect (profile_id, reasons, weight, left_id, right_id, joined, cleared_by, at)
SELECT profile_id, reasons, weight, left_id, right_id, joined, '', %s
FROM unnest(%s::uuid[], %s::jsonb[], %s::float8[], %s::uuid[], %s::uuid[], %s::jsonb[])
    AS n(profile_id, reasons, weight, left_id, right_id, joined)
ON CONFLICT (profile_id) DO UPDATE SET reasons = excluded.reasons, weight = excluded.weight, left_id = excluded.left_id,
    right_id = excluded.right_id, joined = excluded.joined, at = excluded.at,
    cleared_by = CASE WHEN identity_suspect.reasons = excluded.reasons THEN identity_suspect.cleared_by ELSE '' END
"""
_ASK = """
INSERT INTO identity_review (id, left_id, right_id, probability, bits, reason, state, decided_by, at)
SELECT gen.id, s.left_id, s.right_id, 1 / (1 + 2 ^ s.weight), -s.weight, 'suspect', 'open', '', %s
FROM identity_suspect s JOIN unnest(%s::uuid[], %s::uuid[]) AS gen(profile_id, id) USING (profile_id)
WHERE s.left_id IS NOT NULL AND s.cleared_by = '' AND s.weight >= %s
AND NOT EXISTS (SELECT FROM identity_constraint c WHERE c.left_id = s.left_id AND c.right_id = s.right_id
                AND c.verdict = 'cannot_link')
ON CONFLICT (left_id, right_id) DO UPDATE
SET reason = excluded.reason, probability = excluded.probability, bits = excluded.bits
WHERE identity_review.state = 'open' AND identity_review.reason <> 'sample'
    AND (identity_review.reason, identity_review.bits) <> (excluded.reason, excluded.bits)
"""
# Questions that nobody answered and whose reason is gone: the profile was parted, cleared, or is asked about with other records.
_WITHDRAW = """
DELETE FROM identity_review v WHERE v.reason = 'suspect' AND v.state = 'open' AND NOT EXISTS (
    SELECT FROM identity_suspect s JOIN identity_record r ON r.profile_id = s.profile_id
    WHERE s.left_id = v.left_id AND s.right_id = v.right_id AND s.cleared_by = '' AND s.weight >= %s AND r.id = v.left_id)
"""


# Of looks more than a week old one a day is enough for the history of figures.
_THIN = """
DELETE FROM identity_qualityscan s WHERE s.ended_at < %s - interval '7 days' AND EXISTS (
    SELECT FROM identity_qualityscan later WHERE later.ended_at > s.ended_at
    AND date_trunc('day', later.ended_at) = date_trunc('day', s.ended_at))
"""


class UnknownSuspect(LookupError):
    """The profile is not on the list (any more)."""


def latest() -> QualityScan | None:
    """The last look that ended."""
    return QualityScan.objects.exclude(ended_at=None).order_by("-ended_at").first()


def series(points: int) -> list[QualityScan]:
    """The history of figures, oldest first: the last look of each day, or every look while there are two days or fewer."""
    ended = QualityScan.objects.exclude(ended_at=None)
    days: list[Any] = list(
        ended.annotate(day=TruncDay("ended_at")).order_by("-day", "-ended_at").distinct("day")[:points]
    )
    return (days if len(days) > 2 else list(ended.order_by("-ended_at")[:points]))[::-1]


def under_way() -> QualityScan | None:
    """The look that has not ended."""
    return QualityScan.objects.filter(ended_at=None).order_by("-began_at").first()


def due(*, at: datetime) -> bool:
    """Is it time to look again: nobody looked yet, an hour has passed, or profiles changed since?"""
    last = latest()
    if last is None or last.began_at <= at - EVERY:
        return True
    return bool(_page(None, last.began_at, 1))


def begin(*, at: datetime, whole: bool = False) -> QualityScan:
    """The look to go on with: the one under way, or a new one. `whole`: at all profiles, not at those alone that changed."""
    with transaction.atomic():
        _alone()
        scan = under_way()
        if scan is not None and (scan.since is None or not whole):
            return scan
        if scan is not None:  # at some, where all are wanted: it begins again
            scan.since, scan.position, scan.looked_at, scan.total = None, None, 0, _changed(None)
            scan.save(update_fields=["since", "position", "looked_at", "total"])
            return scan
        last, several = latest(), _several(at=at)
        # What was judged without these rates was judged by an earlier version: anew, then.
        since = last.began_at - IN_FLIGHT if last and not whole and "several" in last.counts else None
        return QualityScan.objects.create(began_at=at, since=since, total=_changed(since), counts={"several": several})


def _changed(since: datetime | None) -> int:
    """How many profiles of several records are new or other since then (None: how many there are)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM identity_profile WHERE records > 1 AND (%s::timestamptz IS NULL OR updated_at > %s)",
            [since, since],
        )
        return int(cursor.fetchone()[0])


def ask(*, by: Actor, at: datetime) -> QualityScan:
    """A steward wants a look at all profiles now: it begins, and the worker of jobs is woken to do it."""
    from identity.tasks import check_quality

    with transaction.atomic():
        scan = begin(at=at, whole=True)
        audit.record("quality.look", by=by, object=("quality_scan", scan.id))
    try:
        check_quality.delay()
    except OperationalError:  # without a broker the calendar does it within minutes
        log.warning("broker unreachable", task="check_quality")
    return scan


def step(scan_id: UUID, *, at: datetime) -> bool:
    """Looks at the next profiles; whether there is more to do. Safe to repeat, and for two at once."""
    with transaction.atomic():
        _alone()
        scan = QualityScan.objects.get(pk=scan_id)
        if scan.ended_at is not None:
            return False
        ids = _page(scan.position, scan.since, BATCH)
        if not ids:
            _finish(scan, at=at)
            return False
        look(ids, rates(scan.counts.get("several", {})), at=at)
        scan.position, scan.looked_at = ids[-1], scan.looked_at + len(ids)
        scan.save(update_fields=["position", "looked_at"])
        return True


def _several(*, at: datetime) -> dict[str, list[int]]:
    """`count_several`, of the last `EVERY`."""
    known = QualityScan.objects.filter(began_at__gt=at - EVERY, counts__has_key="several").order_by("-began_at").first()
    return dict(known.counts["several"]) if known is not None else count_several()


def look(profiles: Collection[UUID], several: Several, *, at: datetime) -> int:
    """Judges these profiles anew, in the caller's transaction; how many are suspicious. several: how often one person has
    several keys of a source."""
    scene = records.by_profile(profiles)
    said = witnesses(scene)
    by_profile: dict[UUID, list[Witness]] = defaultdict(list)
    for id, rec in scene.items():
        if rec.profile_id is not None:
            by_profile[rec.profile_id].append(said[id])
    joined = ties(scene)
    beside = _beside(scene, joined, at=at)
    found = {}
    for profile, own in by_profile.items():
        inside = {it.id for it in own}
        own_ties = {pair: tie for it in own for pair, tie in joined.get(it.id, {}).items() if pair[1] in inside}
        judged = suspect(own, own_ties, several, beside)
        if judged.reasons:
            found[profile] = judged
    _store(profiles, found, at=at)
    return len(found)


def _beside(scene: Mapping[UUID, Rec], joined: Mapping[UUID, Mapping[Pair, Tie]], *, at: datetime) -> Beside | None:
    """What the model in force says of two groups beside name and place."""
    model = active.current()
    if model is None:
        return None
    from identity.linking import namesakes  # brings the engine along

    profiles = {scene[left].profile_id for left, own in joined.items() if any(tie.alike for tie in own.values())}
    values = namesakes.prepared(model, [rec for rec in scene.values() if rec.profile_id in profiles], at=at)
    return partial(namesakes.beside, model, values)


def clear(profile_id: UUID, *, by: Actor, at: datetime) -> None:
    """A steward looked: it is one person. It is off the list until its contradictions are others. Raises UnknownSuspect."""
    with transaction.atomic():
        row = Suspect.objects.select_for_update().filter(pk=profile_id).first()
        if row is None:
            raise UnknownSuspect
        row.cleared_by = f"{by.kind}:{by.id}"[:80]
        row.save(update_fields=["cleared_by"])
        with connection.cursor() as cursor:
            cursor.execute(_WITHDRAW, [LINE])
        inside = [row.left_id, row.right_id] if row.left_id and row.right_id else []
        audit.record("quality.clear", by=by, object=("profile", profile_id), subjects=inside, details=dict(row.reasons))


def question(profile_id: UUID, *, by: Actor, at: datetime) -> Review:
    """The question about the two records of a suspect that contradict each other most; one that nobody asked yet is asked now.
    Raises UnknownSuspect."""
    with transaction.atomic():
        row = Suspect.objects.select_for_update().filter(pk=profile_id).exclude(left_id=None).first()
        if row is None or row.left_id is None or row.right_id is None:
            raise UnknownSuspect
        chance = 1 / (1 + 2.0**row.weight)
        asked, made = Review.objects.get_or_create(
            left_id=row.left_id, right_id=row.right_id,
            defaults={"probability": chance, "bits": -row.weight, "reason": "asked", "at": at},
        )  # fmt: skip
        if made:
            audit.record("review.ask", by=by, object=("review", asked.id), subjects=[row.left_id, row.right_id])
        return asked


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _page(after: UUID | None, since: datetime | None, limit: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [after, after, since, since, limit])
        return [row[0] for row in cursor.fetchall()]


def _store(looked_at: Collection[UUID], found: dict[UUID, Suspicion], *, at: datetime) -> None:
    rows = sorted(found.items())
    pairs = [judged.pair or (None, None) for _, judged in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_suspect WHERE profile_id = ANY(%s::uuid[]) AND NOT profile_id = ANY(%s::uuid[])",
            [uuids(looked_at), uuids(found)],
        )
        if rows:
            ids = [id for id, _ in rows]
            cursor.execute(
                _STORE,
                [
                    at, ids, [json.dumps(it.reasons, sort_keys=True) for _, it in rows], [it.weight for _, it in rows],
                    [left for left, _ in pairs], [right for _, right in pairs],
                    [json.dumps({"rules": it.rules, "by": it.by}, sort_keys=True) for _, it in rows],
                ],
            )  # fmt: skip
            cursor.execute(_ASK, [at, ids, [uuid7() for _ in ids], LINE])


def _finish(scan: QualityScan, *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM identity_suspect s WHERE NOT EXISTS"
            " (SELECT FROM identity_profile p WHERE p.id = s.profile_id AND p.records > 1)"
        )
        cursor.execute(_WITHDRAW, [LINE])
        cursor.execute(_THIN, [at])
        for name, query in _FIGURES.items():
            cursor.execute(query)
            scan.counts[name] = int(cursor.fetchone()[0])
    scan.ended_at = at
    scan.save(update_fields=["counts", "ended_at"])
