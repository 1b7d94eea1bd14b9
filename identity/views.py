"""REST: merges/, merges/{id}/undo/, merges/unmerge/, constraints/."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.problems import Problem
from cdp.access.rest import ViewSet, actor_of
from identity import decide
from identity.decide import Decision, Undecidable
from identity.models import Constraint, Merge
from identity.serializers import ConstraintSerializer, DecidedSerializer, MergeSerializer, UnmergeSerializer

SCOPES = {"GET": "merges:read", "POST": "merges:write"}


def _decided(verb: Callable[[], Decision]) -> Response:
    try:
        done = verb()
    except Undecidable as error:
        raise Problem(409, "undecidable", "This cannot be decided as asked", str(error)) from None
    return Response(DecidedSerializer(done).data)


class MergeFilter(Filter):
    """Which acts of the history."""

    profile = serializers.UUIDField(
        required=False, source="profile_id", help_text="The survivor, or the one that was split"
    )
    kind = serializers.ChoiceField(Merge.Kind.values, required=False)
    since = Moment(source="at__gte", help_text="At or after this time")
    before = Moment(source="at__lt", help_text="Before this time")


class ConstraintFilter(Filter):
    """Which decisions."""

    record = serializers.UUIDField(required=False, help_text="About this record")
    verdict = serializers.ChoiceField(Constraint.Verdict.values, required=False)
    since = Moment(source="at__gte", help_text="At or after this time")
    before = Moment(source="at__lt", help_text="Before this time")


@extend_schema_view(list=extend_schema(parameters=[MergeFilter]))
class MergeViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """Merges and splits of profiles, newest first."""

    scopes = SCOPES
    serializer_class = MergeSerializer
    queryset = Merge.objects.all()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        return queryset.filter(**MergeFilter.of(self.request)) if self.action == "list" else queryset

    @extend_schema(request=None, responses=DecidedSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: UUID) -> Response:
        """Undoes a merge, or a split that a person decided. It stays undone, whatever comes later."""
        try:
            return _decided(lambda: decide.undo(pk, by=actor_of(request), at=timezone.now()))
        except Merge.DoesNotExist:
            raise Http404 from None

    @extend_schema(request=UnmergeSerializer, responses=DecidedSerializer)
    @action(detail=False, methods=["post"])
    def unmerge(self, request: Request) -> Response:
        """Takes records out of a profile: they are somebody else."""
        asked = UnmergeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        profile, chosen = asked.validated_data["profile_id"], asked.validated_data["records"]
        return _decided(lambda: decide.unmerge(profile, chosen, by=actor_of(request), at=timezone.now()))


@extend_schema_view(list=extend_schema(parameters=[ConstraintFilter]))
class ConstraintViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """What people decided about two records."""

    scopes = SCOPES
    serializer_class = ConstraintSerializer
    queryset = Constraint.objects.all()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        if self.action != "list":
            return queryset
        filters = ConstraintFilter.of(self.request)
        record = filters.pop("record", None)
        own = Q() if record is None else Q(left_id=record) | Q(right_id=record)
        return queryset.filter(own, **filters)

    @extend_schema(request=ConstraintSerializer, responses=DecidedSerializer)
    def create(self, request: Request) -> Response:
        """Decides that two records are one person (must_link) or two (cannot_link). The last decision about a pair counts."""
        asked = ConstraintSerializer(data=request.data, validators=[])
        asked.is_valid(raise_exception=True)
        verb = decide.must_link if asked.validated_data["verdict"] == "must_link" else decide.cannot_link
        left, right = asked.validated_data["left_id"], asked.validated_data["right_id"]
        return _decided(lambda: verb(left, right, by=actor_of(request), at=timezone.now()))
