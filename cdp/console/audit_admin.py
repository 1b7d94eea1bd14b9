"""Admin: the audit trail. Importing this module (from the room's `admin.py`) registers the page."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter, RadioFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.views import ChangeList

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


class Entries(ChangeList):
    """A page of the log, with the names of its users in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Adds `user_name` to each row."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        ids = {int(row.actor_id) for row in rows if row.actor_kind == "user" and row.actor_id.isdigit()}
        names = {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}
        for row in rows:
            row.user_name = names.get(row.actor_id, "") if row.actor_kind == "user" else ""
        self.result_list = rows


def _short(text: str) -> str:
    """The end of a long id: the beginnings of ids made at one time are alike."""
    return f"…{text[-12:]}" if len(text) > 20 else text


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The log, newest first."""

    list_display = ("number", "when", "who", "did", "about", "shown_outcome", "rows", "some_fields", "purpose")
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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """With names of users."""
        return Entries

    @admin.display(description="when", ordering="at")
    def when(self, entry: Entry) -> SafeString:
        """Short; the whole time on hover."""
        short = f"{entry.at:%-d %b %Y %H:%M:%S}"
        return format_html('<span style="white-space:nowrap" title="{}">{}</span>', entry.at.isoformat(), short)

    @admin.display(description="who")
    def who(self, entry: Any) -> str:
        """Name of the user, or kind and id; role."""
        name = getattr(entry, "user_name", "") or f"{entry.actor_kind} {_short(entry.actor_id)}".strip()
        return f"{name} ({entry.role})" if entry.role and entry.role != name else name

    @admin.display(description="on what")
    def about(self, entry: Entry) -> SafeString | str:
        """Type and the end of the id; all of it on hover."""
        if not entry.object_type:
            return "-"
        return format_html(
            '<span style="white-space:nowrap" title="{}">{} {}</span>',
            entry.object_id,
            entry.object_type,
            _short(entry.object_id),
        )

    @admin.display(description="fields")
    def some_fields(self, entry: Entry) -> SafeString | str:
        """The first few names; all of them on hover."""
        if not entry.fields:
            return "-"
        shown, more = ", ".join(entry.fields[:3]), len(entry.fields) - 3
        every = ", ".join(entry.fields)
        return format_html('<span title="{}">{}</span>', every, f"{shown} +{more}" if more > 0 else shown)

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
