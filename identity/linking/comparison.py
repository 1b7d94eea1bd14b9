"""What switching to a version would change, worked out in memory beside the live flow: who would merge, who would part.

Of a large base a sample of whole profiles is compared: how many of those would part is then a fair estimate; merges are
found only where both profiles are in the sample, so their number is a lower bound.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cdp import audit
from identity import records, regroup
from identity.linking import active, comparable, index, refusals
from identity.linking.active import Active
from identity.linking.jobs import refuse_if_busy, wake
from identity.linking.linkage import Linkage
from identity.linking.rows import Pair, Weight
from identity.matching.prepare import Prepared
from identity.models import MatchModel
from identity.records import Rec

RECORDS = 50_000  # at most so many are compared
SHOWN = 20  # profiles of each kind that are named
_BATCH = 2_000
_CHUNK = 200_000  # pairs scored at once
Say = Callable[[str, float], None]


def begin(version: int, *, by: audit.Actor) -> MatchModel:
    """A comparison of a trained version with what is live is to be made; `run` does it, and it stands in `comparison`. Raises
    jobs.Busy, ValueError, MatchModel.DoesNotExist."""
    with transaction.atomic():
        refuse_if_busy()
        row = MatchModel.objects.get(version=version)
        if row.sealed is None:
            raise ValueError(f"version {version} has not been trained to its end: choose one that has")
        row.job, row.total, row.looked_at, row.error = "compare", 100, 0, ""
        row.save(update_fields=["job", "total", "looked_at", "error"])
        audit.record("matching.compare", by=by, object=("match_model", row.id), details={"version": version})
        transaction.on_commit(wake)
    return row


def run(row: MatchModel, *, at: datetime, say: Say = lambda what, done: None) -> None:
    """Compares. What fails is said in the row."""

    def told(what: str, done: float) -> None:
        MatchModel.objects.filter(pk=row.pk).update(looked_at=round(100 * done))
        say(what, done)

    try:
        found = _compare(active.opened(row), at=at, say=told)
    except Exception as error:
        why = f"comparing was stopped by an error ({type(error).__name__}): see the log"
        MatchModel.objects.filter(pk=row.pk).update(job="", error=why)
        raise
    with transaction.atomic():
        MatchModel.objects.filter(pk=row.pk).update(job="", looked_at=100, comparison=found)
        details = {"version": row.version, "merging": found["merging"], "parting": found["parting"]}
        audit.record(
            "matching.compared", by=audit.SYSTEM, object=("match_model", row.id), rows=found["records"], details=details
        )


def _compare(model: Active, *, at: datetime, say: Say) -> dict[str, Any]:
    ids, total = _chosen()
    recs: dict[UUID, Rec] = {}
    values: dict[UUID, Prepared] = {}
    for start in range(0, len(ids), _BATCH):
        found = records.by_id(ids[start : start + _BATCH])
        refused = refusals.refused(found.values(), at=at)
        values |= comparable.prepare([rec for rec in found.values() if rec.id not in refused], model.model.reading)
        recs |= found
        say("reading records", 0.4 * (start + len(found)) / len(ids))
    for rec in recs.values():
        rec.evidence = {}
    similar = _similar(model, values, say)
    reasons = regroup.reasons_of(recs)
    reasons.similar = similar
    inside = recs.keys()
    for pairs in (reasons.shared, reasons.weights):
        for pair in [pair for pair in pairs if not inside >= set(pair)]:
            del pairs[pair]
    done = regroup.clustered(recs, reasons, lambda wide, known: Linkage(model.scorer, values, wide, known).alike)
    before = {id: rec.profile_id for id, rec in recs.items() if rec.profile_id is not None}
    return {
        "at": at.isoformat(),
        "records": len(recs),
        "of": total,
        "links": len(similar),
        **_changes(done.parts, before),
    }


def _chosen() -> tuple[list[UUID], int]:
    """Records of whole profiles, all of them or at random; and how many records there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM identity_record")
        total = int(cursor.fetchone()[0])
        # The last bits of a UUIDv7 are random.
        share = min(65_536, 65_536 * RECORDS // max(total, 1))
        cursor.execute(
            """SELECT id FROM identity_record WHERE profile_id IS NOT NULL
               AND ('x' || right(profile_id::text, 4))::bit(16)::int < %s ORDER BY id""",
            [share],
        )
        return [row[0] for row in cursor.fetchall()], total


def _similar(model: Active, values: Mapping[UUID, Prepared], say: Say) -> dict[Pair, Weight]:
    """The links by likeness that these records would have among themselves."""
    blocks: dict[int, list[UUID]] = {}
    retired: set[int] = set()
    for _ in range(2):  # the second time with the finer keys of what the first retired
        blocks = defaultdict(list)
        for id, one in values.items():
            for key in index.keys_of(one, model.rules, model.digest, retired):
                blocks[key].append(id)
        retired |= {key for key, held in blocks.items() if len(held) > index.LIMIT}
    say("choosing pairs", 0.5)
    pairs = sorted(
        {(a, b) if a < b else (b, a) for key, held in blocks.items() if key not in retired for a, b in _couples(held)}
    )
    found: dict[Pair, Weight] = {}
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        places = {id: at for at, id in enumerate(dict.fromkeys(id for pair in chunk for id in pair))}
        bits, chances = model.scorer.pairs(
            [values[id] for id in places], [places[a] for a, _ in chunk], [places[b] for _, b in chunk]
        )
        found |= {
            pair: (weight, chance)
            for pair, weight, chance in zip(chunk, bits, chances, strict=True)
            if chance >= model.threshold
        }
        say("scoring", 0.5 + 0.4 * (start + len(chunk)) / len(pairs))
    return found


def _couples(held: list[UUID]) -> Iterable[Pair]:
    return ((a, b) for at, a in enumerate(held) for b in held[at + 1 :])


def _changes(parts: list[list[UUID]], before: Mapping[UUID, UUID]) -> dict[str, Any]:
    """Profiles that would merge with others, and that would part; some of each by id."""
    merging = [sorted({before[id] for id in part if id in before}) for part in parts]
    merging = [profiles for profiles in merging if len(profiles) > 1]
    homes = Counter(profile for part in parts for profile in {before[id] for id in part if id in before})
    parting = sorted(profile for profile, places in homes.items() if places > 1)
    return {
        "profiles": len(set(before.values())), "profiles_after": len(parts),
        "merging": sum(map(len, merging)), "parting": len(parting),
        "merging_sample": [[str(id) for id in profiles] for profiles in merging[:SHOWN]],
        "parting_sample": [str(id) for id in parting[:SHOWN]],
    }  # fmt: skip
