"""What stewards decided, as labels for training: pairs of records that are one person, or two."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from identity.components import components

# A question that the likeness of a pair or chance alone brought up would have been asked whatever its answer. An answer in the
# queue has a batch; a decision made elsewhere answers the question too, and leaves none.
_LABELS = """
SELECT c.left_id, c.right_id, c.verdict = 'must_link', c.actor, c.at, EXISTS (
    SELECT FROM identity_review v WHERE v.left_id = c.left_id AND v.right_id = c.right_id
    AND v.reason IN ('near_even', 'sample') AND v.batch IS NOT NULL AND v.state IN ('same', 'different'))
FROM identity_constraint c
JOIN identity_record l ON l.id = c.left_id JOIN identity_record r ON r.id = c.right_id ORDER BY c.left_id, c.right_id
"""
_Act = tuple[bool, str, datetime]  # verdict, by whom, when


@dataclass(frozen=True, slots=True)
class Label:
    """left < right. `drawn`: it was asked about whatever the answer would be; `weight`: its part of a decision, for one decision
    may be about many pairs of the same records."""

    left: UUID
    right: UUID
    same: bool
    drawn: bool = False
    weight: float = 1.0


def labels() -> list[Label]:
    """Every decision about records that are still there, in a fixed order. Who was unsure gives no label."""
    acts: dict[_Act, list[Label]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_LABELS)
        for left, right, same, actor, at, drawn in cursor.fetchall():
            acts[same, actor, at].append(Label(left, right, same, drawn))
    found = [label for act in acts.values() for group in _together(act) for label in _weighed(group)]
    return sorted(found, key=lambda label: (label.left, label.right))


def _weighed(group: Sequence[Label]) -> list[Label]:
    """One decision: the pairs that were asked about stand for it; without such, each of its pairs is a part of it."""
    return [label for label in group if label.drawn] or [replace(label, weight=1 / len(group)) for label in group]


def _together(act: Sequence[Label]) -> list[list[Label]]:
    """The labels of one act by what hangs together: who ticks many pairs of strangers decides many times."""
    groups = components((id for it in act for id in (it.left, it.right)), ((it.left, it.right) for it in act))
    home = {id: number for number, group in enumerate(groups) for id in group}
    found: dict[int, list[Label]] = defaultdict(list)
    for label in act:
        found[home[label.left]].append(label)
    return list(found.values())
