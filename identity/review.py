"""What stewards answer about doubtful pairs of records: an answer becomes a decision, outlives every re-run, can be undone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from cdp import audit
from cdp.audit import Actor
from cdp.ids import uuid7
from identity import decide, locks
from identity.decide import Decision, Undecidable, signature
from identity.models import Review, Suspect

MOST = 200
State = Review.State
DECIDED = (State.SAME, State.DIFFERENT)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of answers: `batch` undoes them, `decided` is how many pairs have another answer than before."""

    batch: UUID | None
    decided: int
    decision: Decision


def answer(reviews: Collection[UUID], verdict: str, *, by: Actor, at: datetime) -> Answered:
    """Answers questions "are these two records one person?" with same, different or unsure; all of them or none.

    `same` is a must-link, `different` a cannot-link, `unsure` puts the question aside and takes an earlier answer back. Raises
    Undecidable."""
    if verdict not in (State.SAME, State.DIFFERENT, State.UNSURE):
        raise Undecidable("Answer with same, different or unsure.")
    if not reviews or len(reviews) > MOST:
        raise Undecidable(f"Choose 1 to {MOST} pairs at a time.")
    with transaction.atomic():
        locks.take()
        rows = _taken(reviews)
        moved = [row for row in rows if row.state != verdict]
        if not moved:
            return Answered(None, 0, Decision())
        done = _decide(moved, verdict, by=by, at=at)
        batch = uuid7()
        for row in moved:
            row.state, row.decided_by, row.decided_at, row.batch = verdict, signature(by), at, batch
        Review.objects.bulk_update(moved, ["state", "decided_by", "decided_at", "batch", "before"])
        _clear(moved, by=signature(by) if verdict == State.SAME else "")
        _note("review.answer", moved, verdict, done, by=by)
        return Answered(batch, len(moved), done)


def undo(batch: UUID, *, by: Actor, at: datetime) -> Answered:
    """Opens the questions again that were answered together, and takes their decisions back. Raises Undecidable."""
    with transaction.atomic():
        locks.take()
        rows = list(Review.objects.filter(batch=batch).order_by("id"))
        if not rows:
            raise Undecidable("These answers were undone already, or have been replaced by others.")
        done = _take_back(rows, by=by, at=at)
        again: dict[str, object] = {
            "state": State.OPEN,
            "decided_by": "",
            "decided_at": None,
            "batch": None,
            "before": [],
        }
        Review.objects.filter(id__in=[row.id for row in rows]).update(**again)
        _clear(rows, by="")
        _note("review.undo", rows, State.OPEN, done, by=by)
        return Answered(None, len(rows), done)


def _taken(reviews: Collection[UUID]) -> list[Review]:
    rows = list(Review.objects.select_for_update().filter(id__in=set(reviews)).order_by("id"))
    if len(rows) < len(set(reviews)):
        raise Undecidable("One of these questions is not asked any more: its records changed. Reload the queue.")
    return rows


def _decide(rows: Sequence[Review], verdict: str, *, by: Actor, at: datetime) -> Decision:
    """Makes the decisions, and notes on each row what its own replaced."""
    if verdict == State.UNSURE:
        done = _take_back(rows, by=by, at=at)
        for row in rows:
            row.before = []
        return done
    verb = decide.join if verdict == State.SAME else decide.part
    done = Decision()
    for row in rows:
        own = verb(*_pair(row), by=by, at=at)
        row.before = _noted(own.before)
        done = Decision(
            done.merges + own.merges, tuple(sorted({*done.profiles, *own.profiles})), {**done.refused, **own.refused}
        )
    return done


def _noted(before: Mapping[tuple[UUID, UUID], str | None]) -> list[list[str | None]]:
    return [[str(left), str(right), verdict] for (left, right), verdict in before.items()]


def _take_back(rows: Sequence[Review], *, by: Actor, at: datetime) -> Decision:
    """What was decided before the answers holds again; of two answers about a pair, before the earlier one."""
    before: dict[tuple[UUID, UUID], str | None] = {}
    for row in rows:
        if row.state in DECIDED:
            for left, right, verdict in row.before or [[str(row.left_id), str(row.right_id), None]]:
                before.setdefault((UUID(left), UUID(right)), verdict)
    return decide.restore(before, by=by, at=at) if before else Decision()


def _clear(rows: Sequence[Review], *, by: str) -> None:
    """Whoever says that a suspect's records are one person clears the suspect; without that answer it is one again."""
    for row in rows:
        if row.reason == "suspect":
            Suspect.objects.filter(left_id=row.left_id, right_id=row.right_id).update(cleared_by=by)


def _pair(row: Review) -> tuple[UUID, UUID]:
    return row.left_id, row.right_id


def _note(action: str, rows: Sequence[Review], verdict: str, done: Decision, *, by: Actor) -> None:
    audit.record(
        action,
        by=by,
        object=("review", rows[0].id if len(rows) == 1 else ""),
        subjects=sorted({record for row in rows for record in _pair(row)}),
        rows=len(rows),
        details={"verdict": verdict, "merges": len(done.merges), "refused": dict(done.refused)},
    )
