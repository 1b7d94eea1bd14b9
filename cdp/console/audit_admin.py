"""Admin: the audit trail. Importing this module (from the room's `admin.py`) registers the page."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import FieldTextFilter, RadioFilter, RangeDateTimeFilter
from unfold.decorators import display

from cdp.access.admin import ReadOnlyAdmin
from cdp.audit.models import Entry
from cdp.console.audit_reading import listed, opened

_OUTCOMES = {"success": "success", "denied": "danger", "error": "warning"}
_REASON = "_opened_reason"


class EntryPaginator(Paginator):  # type: ignore[type-arg]
    """Numbers have no gap, so the highest one is the length of the whole log: no count over millions of rows."""

    @cached_property
    def count(self) -> int:
        """How many entries match."""
        rows: Any = self.object_list
        if rows.query.where:
            return int(rows.count())
        return int(rows.order_by().aggregate(last=Max("sequence"))["last"] or 0)


class OutcomeFilter(RadioFilter):
    """The three outcomes, without asking the whole log which there are."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All there can be."""
        return [(outcome, outcome) for outcome in _OUTCOMES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """Those with the outcome chosen."""
        return queryset.filter(outcome=self.value()) if self.value() in _OUTCOMES else queryset


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The log, newest first."""

    list_display = ("number", "at", "actor", "did", "on_what", "shown_outcome", "rows", "field_names", "purpose")
    list_filter = (
        ("at", RangeDateTimeFilter),
        ("actor_id", FieldTextFilter),
        ("action", FieldTextFilter),
        ("object_type", FieldTextFilter),
        OutcomeFilter,
    )
    list_filter_submit = True
    search_fields = ("object_id",)
    search_help_text = "The whole id of an object, or the id of a request"
    ordering = ("-sequence",)
    paginator = EntryPaginator
    show_full_result_count = False
    readonly_fields = fields = (
        "number", "at", "actor", "did", "on_what", "shown_outcome", "rows", "field_names", "purpose", "basis", "reason",
        "commitments", "request_id", "client", "details", "entry_id",
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Whole ids only: an index answers them."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(object_id=term) | queryset.filter(request_id=term), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; writes that it was read."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        if (changes := getattr(response, "context_data", {}).get("cl")) is not None:
            listed(
                request, filters=[name for name, value in request.GET.items() if value], rows=len(changes.result_list)
            )
        return response

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Entry | None:
        """The entry with its reason opened; writes that it was read."""
        entry: Entry | None = super().get_object(request, object_id, from_field)
        if entry is not None and self.has_view_permission(request, entry):
            setattr(entry, _REASON, opened(request, entry))
        return entry

    @admin.display(description="number", ordering="sequence")
    def number(self, entry: Entry) -> int:
        """Its place in the log."""
        return entry.sequence

    @admin.display(description="who")
    def actor(self, entry: Entry) -> str:
        """Kind and id, role, and on whose behalf."""
        who = " ".join(part for part in (entry.actor_kind, entry.actor_id) if part)
        role = f" as {entry.role}" if entry.role else ""
        return who + role + (f" for {entry.on_behalf_of}" if entry.on_behalf_of else "")

    @admin.display(description="did", ordering="action")
    def did(self, entry: Entry) -> str:
        """room.verb"""
        return entry.action

    @admin.display(description="on what")
    def on_what(self, entry: Entry) -> str:
        """Type and id."""
        return " ".join(part for part in (entry.object_type, entry.object_id) if part) or "-"

    @display(description="outcome", label=_OUTCOMES)  # type: ignore[untyped-decorator]
    def shown_outcome(self, entry: Entry) -> str:
        """As a coloured label."""
        return entry.outcome

    @admin.display(description="fields")
    def field_names(self, entry: Entry) -> str:
        """Which fields were read or changed."""
        return ", ".join(entry.fields) or "-"

    @admin.display(description="subjects (commitments)")
    def commitments(self, entry: Entry) -> str:
        """Salted pseudonyms."""
        return ", ".join(bytes(subject).hex() for subject in entry.subjects) or "-"

    @admin.display(description="reason")
    def reason(self, entry: Entry) -> str:
        """In clear, on the entry's own page only."""
        return getattr(entry, _REASON, None) or "-"
