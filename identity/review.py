"""What stewards answer about doubtful pairs of records: an answer becomes a decision, outlives every re-run, can be undone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from cdp import audit
from cdp.audit import Actor
from cdp.ids import uuid7
from identity import decide, locks
from identity.decide import Decision, Pair, Undecidable, signature
from identity.models import Constraint, Review, Suspect

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
        for row in moved:
            row.earlier = _kept(row)
        done = _decide(moved, verdict, by=by, at=at)
        batch = uuid7()
        for row in moved:
            row.state, row.decided_by, row.decided_at, row.batch = verdict, signature(by), at, batch
        Review.objects.bulk_update(moved, ["state", "decided_by", "decided_at", "batch", "before", "earlier"])
        _clear(moved, by=signature(by) if verdict == State.SAME else "")
        _note("review.answer", moved, verdict, done, by=by)
        return Answered(batch, len(moved), done)


def undo(batch: UUID, *, by: Actor, at: datetime) -> Answered:
    """Takes back what was answered together: questions that had an earlier answer have that again, the others are open, and what
    was decided before holds again. Raises Undecidable."""
    with transaction.atomic():
        locks.take()
        rows = list(Review.objects.filter(batch=batch).order_by("id"))
        if not rows:
            raise Undecidable("These answers were undone already, or have been replaced by others.")
        done = _take_back(rows, by=by, at=at)
        for row in rows:
            _put_back(row)
            _clear([row], by=row.decided_by if row.state == State.SAME else "")
        Review.objects.bulk_update(rows, ["state", "decided_by", "decided_at", "batch", "before", "earlier"])
        _note("review.undo", rows, State.OPEN, done, by=by)
        return Answered(None, len(rows), done)


def _kept(row: Review) -> dict[str, Any] | None:
    """The answer that a new one replaces, and what that one replaced, as JSON; None where there is none."""
    if row.state == State.OPEN:
        return None
    return {
        "state": row.state,
        "by": row.decided_by,
        "at": row.decided_at.isoformat() if row.decided_at else None,
        "batch": str(row.batch) if row.batch else None,
        "before": row.before,
        "earlier": row.earlier,
    }


def _put_back(row: Review) -> None:
    """The answer that the last one replaced; open where there was none."""
    was = row.earlier or {"state": State.OPEN, "by": "", "at": None, "batch": None, "before": [], "earlier": None}
    row.state, row.decided_by, row.before, row.earlier = was["state"], was["by"], was["before"], was["earlier"]
    row.decided_at = datetime.fromisoformat(was["at"]) if was["at"] else None
    row.batch = UUID(was["batch"]) if was["batch"] else None


def _taken(reviews: Collection[UUID]) -> list[Review]:
    rows = list(Review.objects.select_for_update().filter(id__in=set(reviews)).order_by("id"))
    if len(rows) < len(set(reviews)):
        raise Undecidable("One of these questions is not asked any more: its records changed. Reload the queue.")
    return rows


def _decide(rows: Sequence[Review], verdict: str, *, by: Actor, at: datetime) -> Decision:
    """Makes the decisions, and notes on each row what its own replaced."""
    if verdict == State.UNSURE:
        held = _in_force(rows)
        done = _take_back(rows, by=by, at=at)
        for row in rows:
            row.before = _noted({pair: held.get(pair) for pair in _about(row)}) if row.state in DECIDED else []
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


def _noted(before: Mapping[Pair, str | None]) -> list[list[str | None]]:
    return [[str(left), str(right), verdict] for (left, right), verdict in before.items()]


def _take_back(rows: Sequence[Review], *, by: Actor, at: datetime) -> Decision:
    """What was decided before the answers holds again; of two answers about a pair, before the earlier one."""
    before: dict[Pair, str | None] = {}
    for row in rows:
        if row.state in DECIDED or row.before:
            for pair, verdict in _about(row).items():
                before.setdefault(pair, verdict)
    return decide.restore(before, by=by, at=at) if before else Decision()


def _about(row: Review) -> dict[Pair, str | None]:
    """The pairs that an answer decided -> what was decided of them before."""
    return {(UUID(left), UUID(right)): verdict for left, right, verdict in row.before} or {_pair(row): None}


def _in_force(rows: Sequence[Review]) -> dict[Pair, str]:
    """What is decided now of the pairs that these answers decided."""
    pairs = {pair for row in rows for pair in _about(row)}
    known = Constraint.objects.filter(
        left_id__in={left for left, _ in pairs}, right_id__in={right for _, right in pairs}
    )
    return {(it.left_id, it.right_id): it.verdict for it in known}


def _clear(rows: Sequence[Review], *, by: str) -> None:
    """Whoever says that a suspect's records are one person clears the suspect; without that answer it is one again."""
    for row in rows:
        if row.reason == "suspect":
            Suspect.objects.filter(left_id=row.left_id, right_id=row.right_id).update(cleared_by=by)


def _pair(row: Review) -> Pair:
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
