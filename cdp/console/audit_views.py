"""REST: the audit trail, newest first."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem
from cdp.access.rest import GenericView
from cdp.audit.models import Entry
from cdp.console.audit_reading import listed, opened
from cdp.console.audit_serializers import LOOKUPS, EntryDetailSerializer, EntryFilter, EntrySerializer

_PAGING = {"limit", "cursor"}


def filters_of(request: Request) -> dict[str, Any]:
    """The query as names and values. Raises Problem or ValidationError: a filter that is not understood and left out
    would answer more than was asked for."""
    asked = EntryFilter(data=request.query_params.dict())
    for name in request.query_params:
        if name not in asked.fields and name not in _PAGING:
            raise Problem(
                400,
                "unknown_filter",
                "There is no such filter",
                field="query",
                remedy=f"Use {', '.join(asked.fields)}.",
            )
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


class EntriesView(GenericView):
    """The log."""

    scopes = "audit:read"
    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    cursor_ordering = ("-sequence",)

    @extend_schema(operation_id="audit_entries_list", parameters=[EntryFilter], responses=EntrySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Entries of the audit trail, newest first. Reading them is an entry too."""
        filters = filters_of(request)
        rows: QuerySet[Entry] = self.get_queryset().filter(**{LOOKUPS.get(n, n): v for n, v in filters.items()})
        page = self.paginate_queryset(rows) or []
        listed(request, filters=filters, rows=len(page))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class EntryView(GenericView):
    """One line of the log."""

    scopes = "audit:read"
    queryset = Entry.objects.all()
    serializer_class = EntryDetailSerializer
    pagination_class = None

    @extend_schema(operation_id="audit_entry_retrieve", responses=EntryDetailSerializer)
    def get(self, request: Request, sequence: int) -> Response:
        """One entry with its reason in clear. Reading it is an entry too."""
        entry = self.get_queryset().filter(sequence=sequence).first()
        if entry is None:
            raise Http404
        return Response(EntryDetailSerializer(entry, context={"reason": opened(request, entry)}).data)
