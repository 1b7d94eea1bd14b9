"""REST: reviews/, the questions to stewards."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.problems import Problem
from cdp.access.rest import actor_of, audited, purpose_of
from consent.permits import permits_profiles
from consent.refusal import NotPermitted
from identity import explain, queue, review
from identity.decide import Undecidable
from identity.models import Review
from identity.records import KeyMissing
from identity.review_serializers import (
    AnsweredSerializer,
    AnswerSerializer,
    ExplainedReviewSerializer,
    ReviewSerializer,
    UndoAnswerSerializer,
)
from identity.views import Undivided, decided


class ReviewFilter(Filter):
    """Which questions."""

    state = serializers.ChoiceField(Review.State.values, required=False)
    reason = serializers.ChoiceField(list(queue.REASONS), required=False)
    probability_min = serializers.FloatField(required=False, source="probability__gte", min_value=0, max_value=1)
    probability_max = serializers.FloatField(required=False, source="probability__lte", min_value=0, max_value=1)
    source = serializers.UUIDField(required=False, help_text="About a record of this source")  # type: ignore[assignment]
    batch = serializers.UUIDField(required=False, help_text="Answered together")
    since = Moment(source="at__gte", help_text="Asked at or after this time")
    before = Moment(source="at__lt", help_text="Asked before this time")


@extend_schema_view(list=extend_schema(parameters=[ReviewFilter]))
class ReviewViewSet(ListModelMixin, Undivided):
    """Doubtful pairs of records, newest first: are they one person?"""

    serializer_class = ReviewSerializer
    queryset = Review.objects.all()

    def get_queryset(self) -> Any:
        """With the profiles of today."""
        return queue.reviews()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        if self.action != "list":
            return queryset
        filters = ReviewFilter.of(self.request)
        source = filters.pop("source", None)
        return (queue.of_source(queryset, source) if source else queryset).filter(**filters)

    @extend_schema(responses=ExplainedReviewSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One question with its reasons: the waterfall of weights by the model in force, and the values that link the two. Both
        people must permit the reader's purpose."""
        row: Any = queue.every().filter(pk=pk).first()
        if row is None:
            raise Http404
        at, purpose = timezone.now(), purpose_of(request)
        profiles = {it for it in (row.left_profile, row.right_profile) if it}
        for decision in permits_profiles(profiles, purpose, at=at).values():
            if not decision.allowed:
                more: Any = {"outcome": "denied", "rows": 0, "details": {"because": decision.code}}
                audited(request, "review.read", object=("review", row.id), subjects=[row.left_id, row.right_id], **more)
                raise NotPermitted(purpose, decision)
        try:
            found = explain.explain(row.left_id, row.right_id, at=at)
        except KeyMissing:
            raise Http404 from None
        match = found.match
        row.waterfall = match.parts if match else ()
        row.weight_bits = match.weight_bits if match else None
        row.model_version = found.version
        row.shared = explain.shared(row.left_id, row.right_id)
        audited(request, "review.read", object=("review", row.id), subjects=[row.left_id, row.right_id])
        return Response(ExplainedReviewSerializer(row).data)

    @extend_schema(request=AnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def answer(self, request: Request) -> Response:
        """Answers up to 200 questions: same (a must-link), different (a cannot-link) or unsure (put aside). All of them or none.
        Answers are labels for training."""
        asked = AnswerSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said, by, at = asked.validated_data, actor_of(request), timezone.now()
        if said["dry_run"]:
            ids, verdict = said["reviews"], said["verdict"]
            dry = decided(request, lambda: review.answer(ids, verdict, by=by, at=at).decision, dry=True)
            return Response({**dry.data, "batch": None, "decided": 0})
        return _answered(lambda: review.answer(said["reviews"], said["verdict"], by=by, at=at))

    @extend_schema(request=UndoAnswerSerializer, responses=AnsweredSerializer)
    @action(detail=False, methods=["post"])
    def undo(self, request: Request) -> Response:
        """Takes answers that were given together back: their decisions are withdrawn, the questions open again."""
        asked = UndoAnswerSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        batch = asked.validated_data["batch"]
        return _answered(lambda: review.undo(batch, by=actor_of(request), at=timezone.now()))


def _answered(verb: Any) -> Response:
    try:
        done = verb()
    except Undecidable as error:
        raise Problem(409, "undecidable", "This cannot be decided as asked", str(error)) from None
    it = done.decision
    content = {"merges": it.merges, "profiles": it.profiles, "refused": it.refused}
    return Response(AnsweredSerializer({**content, "batch": done.batch, "decided": done.decided}).data)
