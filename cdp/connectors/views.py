"""REST: sources/{id}/runs/ and the errors of a run."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.rest import GenericView, View
from cdp.connectors.models import RowError, Run
from cdp.connectors.serializers import RowErrorSerializer, RunSerializer
from cdp.sources.asked import source_of


def run_of(request: Request, source_id: UUID, run_id: UUID) -> Run:
    """A run of a source that the reader may see. Raises Http404."""
    run = Run.objects.filter(pk=run_id, source_id=source_of(request, source_id).pk).first()
    if run is None:
        raise Http404
    return run


class RunFilter(Filter):
    """Which imports."""

    state = serializers.ChoiceField(Run.State.values, required=False)
    since = Moment(source="started_at__gte", help_text="Begun at or after this time")
    before = Moment(source="started_at__lt", help_text="Begun before this time")


class RunsView(GenericView):
    """Imports of a source."""

    scopes = "sources:read"
    queryset = Run.objects.all()
    serializer_class = RunSerializer

    @extend_schema(operation_id="runs_list", parameters=[RunFilter], responses=RunSerializer(many=True))
    def get(self, request: Request, source_id: UUID) -> Response:
        """The imports of a source, newest first."""
        rows = self.get_queryset().filter(source_id=source_of(request, source_id).pk, **RunFilter.of(request))
        page: list[Any] = self.paginate_queryset(rows) or []
        return self.get_paginated_response(RunSerializer(page, many=True).data)


class RunView(View):
    """One import."""

    scopes = "sources:read"

    @extend_schema(operation_id="runs_retrieve", responses=RunSerializer)
    def get(self, request: Request, source_id: UUID, run_id: UUID) -> Response:
        """One import: how far it came, and what became of its rows."""
        return Response(RunSerializer(run_of(request, source_id, run_id)).data)


class RunErrorsView(GenericView):
    """Rows that could not be read."""

    scopes = "sources:read"
    queryset = RowError.objects.all()
    serializer_class = RowErrorSerializer
    cursor_ordering = ("row",)

    @extend_schema(operation_id="runs_errors", responses=RowErrorSerializer(many=True))
    def get(self, request: Request, source_id: UUID, run_id: UUID) -> Response:
        """The rows of an import that could not become events: number, column and reason; no values."""
        page = self.paginate_queryset(self.get_queryset().filter(run=run_of(request, source_id, run_id))) or []
        return self.get_paginated_response(RowErrorSerializer(page, many=True).data)
