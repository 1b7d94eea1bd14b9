"""REST: sources/{id}/reconciliation/, sources/{id}/rejections/ and their replay."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.objects import visible
from cdp.access.problems import Problem
from cdp.access.rest import GenericView, View, actor_of, sources_of
from cdp.events.models import Rejection
from cdp.events.reads import reconciliation
from cdp.events.replay import replay
from cdp.events.serializers import (
    ReconciliationSerializer,
    RejectionSerializer,
    ReplayedSerializer,
    ReplaySerializer,
)
from cdp.events.writer import Overloaded
from cdp.sources.models import Source


def access_source_by_id(request: Request, source_id: UUID, perm: str = "view_source") -> UUID:
    """The id of a source that the caller may see; a 404 Problem otherwise, whether or not it exists."""
    limited = sources_of(request)
    allowed = limited is None or source_id in limited
    if allowed and visible(request.user, Source.objects.filter(id=source_id), perm).exists():
        return source_id
    raise Problem(404, "not_found", "There is nothing here")


class ReconciliationView(View):
    """What became of every event that a source has sent, in exact whole numbers of one moment."""

    scopes = {"GET": "sources:read"}

    @extend_schema(responses=ReconciliationSerializer)
    def get(self, request: Request, source_id: UUID) -> Response:
        """`accepted = stored + duplicates + rejected + suppressed + denied + pending`."""
        return Response(reconciliation(access_source_by_id(request, source_id)))


class RejectionFilter(Filter):
    """Which rejections."""

    reason = serializers.CharField(required=False, max_length=40, help_text="A code, as in docs/ingestion.md")
    replayed = serializers.BooleanField(
        required=False, source="replayed_at__isnull", help_text="Those that were offered again, or were not"
    )
    since = Moment(source="at__gte", help_text="Set aside at or after this time")
    before = Moment(source="at__lt", help_text="Set aside before this time")

    def validate_replayed(self, replayed: bool) -> bool:
        """As the look-up wants it."""
        return not replayed


@extend_schema_view(get=extend_schema(parameters=[RejectionFilter]))
class RejectionsView(ListModelMixin, GenericView):
    """Events that could not be taken, latest first: reason and field, not what was sent."""

    scopes = {"GET": "sources:read"}
    serializer_class = RejectionSerializer
    queryset = Rejection.objects.all()
    cursor_ordering = ("-id",)

    def get_queryset(self) -> QuerySet[Rejection]:
        """The source's."""
        if getattr(self, "swagger_fake_view", False):
            return Rejection.objects.none()
        rows = Rejection.objects.filter(source_id=access_source_by_id(self.request, self.kwargs["source_id"]))
        return rows.filter(**RejectionFilter.of(self.request))

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        return self.list(request, *args, **kwargs)


class ReplayView(View):
    """Offers rejections again through the same door."""

    scopes = {"POST": "sources:write"}
    problems = {"POST": (503,)}

    @extend_schema(request=ReplaySerializer, responses=ReplayedSerializer)
    def post(self, request: Request, source_id: UUID) -> Response:
        """Replays the rejections with these ids; those of other sources are left out."""
        access_source_by_id(request, source_id)
        asked = ReplaySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        own = Rejection.objects.filter(source_id=source_id, id__in=asked.validated_data["ids"])
        try:
            done = replay(list(own.values_list("id", flat=True)), by=actor_of(request), at=datetime.now(UTC))
        except Overloaded:
            raise Problem(
                503, "overloaded", "Not taken now", remedy="Come back in a moment.", headers={"Retry-After": "2"}
            ) from None
        refused = {str(id): reason for id, reason in done.refused.items()}
        return Response(
            {"offered": done.offered, "taken": done.taken, "duplicates": done.duplicates, "refused": refused}
        )
