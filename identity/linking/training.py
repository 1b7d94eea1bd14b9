"""A new version of the model, learnt from the records of now; stewards' decisions are its labels."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from cdp import audit
from identity import records
from identity.labels import Label, labels
from identity.linking import active, comparable, refusals
from identity.linking.jobs import refuse_if_busy, wake
from identity.models import MatchModel

if TYPE_CHECKING:
    from identity.matching.training import Trained

SAMPLE = 200_000  # records that are learnt from, of a larger base drawn at random
BATCH = 2_000
THRESHOLD, REVIEW_FROM = 0.9, 0.3
LEAST = 50  # records with something to compare
Say = Callable[[str, float], None]


class TooLittle(ValueError):
    """The records say too little to learn from; says what is missing."""


def begin(*, by: audit.Actor, threshold: float = THRESHOLD, review_from: float = REVIEW_FROM) -> MatchModel:
    """A version that is to be trained; `run` does it. Raises jobs.Busy, ValueError for thresholds that make no sense."""
    if not 0.5 <= threshold <= 1 or not 0 < review_from <= threshold:
        raise ValueError(
            "records are joined from a probability of 0.5 to 1 on, and a steward is asked from a lower one on"
        )
    with transaction.atomic():
        refuse_if_busy()
        refusals.define(by=by)
        version = (MatchModel.objects.aggregate(Max("version"))["version__max"] or 0) + 1
        row = MatchModel.objects.create(
            version=version,
            threshold=threshold,
            review_from=review_from,
            actor=f"{by.kind}:{by.id}"[:80],
            job="train",
            total=100,
        )
        details = {"version": version, "threshold": threshold, "review_from": review_from}
        audit.record("matching.train", by=by, object=("match_model", row.id), details=details)
        transaction.on_commit(wake)
    return row


def run(row: MatchModel, *, at: datetime, say: Say = lambda what, done: None) -> None:
    """Trains a version that has begun. What fails is said in the row. Raises TooLittle."""
    try:
        _train(row, at=at, say=say)
    except Exception as error:
        why = (
            str(error) if isinstance(error, TooLittle) else f"stopped by an error ({type(error).__name__}): see the log"
        )
        MatchModel.objects.filter(pk=row.pk).update(state=MatchModel.State.FAILED, job="", error=why[:200])
        raise


def _train(row: MatchModel, *, at: datetime, say: Say) -> None:
    from identity.linking import learning
    from identity.matching.training import Untrainable, train

    def told(what: str, done: float) -> None:
        MatchModel.objects.filter(pk=row.pk).update(looked_at=round(100 * done))
        say(what, done)

    decided = labels()
    ids, raw, base = _sample(decided, at=at, say=lambda done: told("reading records", done / 3))
    if len(ids) < LEAST:
        raise TooLittle(
            f"{len(ids)} records have a name, an address or anything else to compare: at least {LEAST} are needed"
        )
    try:
        trained: Trained = train(learning.table(raw), say=lambda what, done: told(what, (1 + 2 * done) / 3))
    except Untrainable as error:
        raise TooLittle(str(error)) from None
    model, used = learning.taught(trained, ids, decided)
    summary = learning.summary(trained, model, threshold=row.threshold, base=base)
    row.sealed, row.summary = active.seal(row.id, learning.without_rare(model, len(ids))), {**summary, "labels": used}
    row.state, row.job, row.looked_at, row.trained_at, row.trained_on = MatchModel.State.TRAINED, "", 100, at, len(ids)
    with transaction.atomic():
        row.save(update_fields=["sealed", "summary", "state", "job", "looked_at", "trained_at", "trained_on"])
        details = {"version": row.version, "labels": used, "estimated": summary["estimated"]}
        audit.record(
            "matching.trained", by=audit.SYSTEM, object=("match_model", row.id), rows=len(ids), details=details
        )


def _sample(
    decided: Sequence[Label], *, at: datetime, say: Callable[[float], None]
) -> tuple[list[UUID], list[dict[str, list[str]]], int]:
    """Records with something to compare, who does not refuse, and what they say. Those that a label is about are all in.
    And how many records there are in all."""
    wanted = {id for label in decided for id in (label.left, label.right)}
    ids: list[UUID] = []
    raw: list[dict[str, list[str]]] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM identity_record")
        total = cursor.fetchone()[0]
    share, seen = min(1.0, SAMPLE / max(total, 1)), 0
    for page in pages():
        seen += len(page)
        # The last bits of a UUIDv7 are random.
        chosen = [id for id in page if share == 1 or id in wanted or id.int % 65_536 < share * 65_536]
        recs = records.by_id(chosen)
        refused = refusals.refused(recs.values(), at=at)
        said = comparable.raw([recs[id] for id in chosen if id in recs and id not in refused])
        ids += said.keys()
        raw += said.values()
        say(seen / max(total, 1))
    return ids, raw, total


def pages(size: int = BATCH) -> Iterator[list[UUID]]:
    """The ids of all records, in order."""
    last: UUID | None = None
    while True:
        with connection.cursor() as cursor:
            params: list[Any] = [last, last, size]
            cursor.execute(
                "SELECT id FROM identity_record WHERE %s::uuid IS NULL OR id > %s::uuid ORDER BY id LIMIT %s", params
            )
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return
        last = ids[-1]
        yield ids
