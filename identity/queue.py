"""The questions that wait for a steward, the most doubtful first."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Abs

from identity.models import Record, Review

# About two records of one profile; all others ask whether two profiles are one.
INSIDE = ("suspect", "bridge", "sample", "asked")
REASONS = {
    "suspect": "a profile whose records contradict each other",
    "bridge": "it alone holds a profile together",
    "guard": "a guard keeps apart what the links join",
    "near_even": "near even odds",
    "asked": "a steward wanted to compare the two",
    "sample": "drawn by chance, to estimate how often merges are right",
}


def every() -> QuerySet[Review]:
    """All questions, with the two profiles of today (`left_profile`, `right_profile`)."""
    profile = Record.objects.values("profile_id")
    return Review.objects.annotate(
        left_profile=Subquery(profile.filter(id=OuterRef("left_id"))),
        right_profile=Subquery(profile.filter(id=OuterRef("right_id"))),
        doubt=ExpressionWrapper(Abs(F("probability") - 0.5), output_field=FloatField()),
    )


def reviews() -> QuerySet[Review]:
    """Questions without those that were settled otherwise, by links or a merge elsewhere, while they were open."""
    settled = Q(state=Review.State.OPEN) & ~Q(reason__in=INSIDE) & Q(left_profile=F("right_profile"))
    return every().exclude(settled)


def in_order(rows: QuerySet[Review]) -> QuerySet[Review]:
    """Suspects and weak bridges first, for there a stranger may be inside; then by doubt."""
    first = Case(
        When(reason="suspect", then=Value(0)), When(reason="bridge", then=Value(1)), When(reason="guard", then=Value(2)),
        default=Value(3),
    )  # fmt: skip
    then = Case(When(reason="suspect", then=F("probability")), default=F("doubt"))
    return rows.annotate(rank=first, then=then).order_by("rank", "then", "id")


def of_source(rows: QuerySet[Review], source_id: UUID) -> QuerySet[Review]:
    """Those about a record of this source."""
    ours = Record.objects.filter(source_id=source_id)
    return rows.filter(Exists(ours.filter(id=OuterRef("left_id"))) | Exists(ours.filter(id=OuterRef("right_id"))))


def neighbours(rows: QuerySet[Review], current: UUID) -> tuple[UUID | None, UUID | None]:
    """The questions before and after one in the queue; of one that has left it: None and the first."""
    ordered: Any = in_order(rows)  # with `rank` and `then`
    ids = ordered.values_list("id", flat=True)
    place = ordered.filter(id=current).values_list("rank", "then").first()
    if place is None:
        return None, ids.first()
    rank, then = place
    tie = Q(rank=rank, then=then)
    earlier = Q(rank__lt=rank) | Q(rank=rank, then__lt=then) | tie & Q(id__lt=current)
    later = Q(rank__gt=rank) | Q(rank=rank, then__gt=then) | tie & Q(id__gt=current)
    return ids.filter(earlier).reverse().first(), ids.filter(later).first()


def counts() -> Counter[str]:
    """How many questions are open, by reason."""
    open_now = reviews().filter(state=Review.State.OPEN).values("reason").annotate(many=Count("id"))
    return Counter({row["reason"]: row["many"] for row in open_now})
