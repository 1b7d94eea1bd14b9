"""What stewards answer about doubtful pairs of records: an answer becomes a decision, outlives every re-run, can be undone."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from cdp import audit
from cdp.audit import Actor
from cdp.ids import uuid7
from identity import decide, locks
from identity.decide import Decision, Undecidable, signature
from identity.models import Review

MOST = 200
State = Review.State
_VERBS: dict[str, Callable[..., Decision]] = {State.SAME: decide.join_pairs, State.DIFFERENT: decide.part_pairs}


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
        done = _VERBS[verdict]([_pair(row) for row in moved], by=by, at=at) if verdict in _VERBS else Decision()
        if verdict == State.UNSURE:
            done = _take_back(moved, by=by, at=at)
        batch = uuid7()
        Review.objects.filter(id__in=[row.id for row in moved]).update(
            state=verdict, decided_by=signature(by), decided_at=at, batch=batch
        )
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
        Review.objects.filter(batch=batch).update(state=State.OPEN, decided_by="", decided_at=None, batch=None)
        _note("review.undo", rows, State.OPEN, done, by=by)
        return Answered(None, len(rows), done)


def _taken(reviews: Collection[UUID]) -> list[Review]:
    rows = list(Review.objects.select_for_update().filter(id__in=set(reviews)).order_by("id"))
    if len(rows) < len(set(reviews)):
        raise Undecidable("One of these questions is not asked any more: its records changed. Reload the queue.")
    return rows


def _take_back(rows: Sequence[Review], *, by: Actor, at: datetime) -> Decision:
    decided = [_pair(row) for row in rows if row.state in _VERBS]
    try:
        return decide.withdraw(decided, by=by, at=at) if decided else Decision()
    except Undecidable:  # the decision was taken back elsewhere; the question is open again all the same
        return Decision()


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
