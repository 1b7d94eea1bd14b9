"""REST: the audit trail, newest first."""

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import PAGING
from cdp.access.rest import GenericView
from cdp.audit.models import Entry
from cdp.console.audit_reading import listed, opened
from cdp.console.audit_serializers import EntryDetailSerializer, EntryFilter, EntrySerializer


class EntriesView(GenericView):
    """The log."""

    scopes = "audit:read"
    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    cursor_ordering = ("-sequence",)

    @extend_schema(operation_id="audit_entries_list", parameters=[EntryFilter], responses=EntrySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Entries of the audit trail, newest first. Reading them is an entry too."""
        rows: QuerySet[Entry] = self.get_queryset().filter(**EntryFilter.of(request))
        page = self.paginate_queryset(rows) or []
        listed(request, filters=set(request.query_params) - PAGING, rows=len(page))
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
