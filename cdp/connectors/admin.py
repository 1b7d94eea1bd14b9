"""Admin pages: imports, how far they came, and the rows that could not be read."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.objects import visible
from cdp.access.principals import sees_identifying
from cdp.connectors.importing import label
from cdp.connectors.models import RowError, Run
from cdp.connectors.serializers import progress
from cdp.sources import lookup
from cdp.sources.models import Source
from cdp.vault.keys import Unsealable

_STATES = {"running": "info", "finished": "success", "failed": "danger"}
_BAR = (
    '<div style="display:flex;align-items:center;gap:8px;min-width:150px">'
    '<div style="flex:1;height:6px;border-radius:3px;background:var(--color-base-200);overflow:hidden">'
    '<div style="width:{}%;height:100%;background:{}"></div></div>'
    '<span style="font-size:12px;white-space:nowrap">{}</span></div>'
)


class RowErrorInline(TabularInline):
    """The first rows that could not be read."""

    model = RowError
    fields = readonly_fields = ("row", "column", "reason")
    ordering = ("row",)
    extra = 0
    per_page = 50
    can_delete = False
    tab = False
    verbose_name_plural = "rows that could not be read (no values)"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Imports, newest first."""

    list_display = ("started_at", "source", "shown_state", "bar", "accepted", "duplicates", "rejected", "finished_at")
    list_filter = (("state", ChoicesDropdownFilter),)
    search_fields = ("=source_id",)
    search_help_text = "The id of a source"
    ordering = ("-id",)
    inlines = (RowErrorInline,)
    fields = readonly_fields = (
        "source", "file", "shown_state", "problem", "bar", "position", "total", "accepted", "duplicates", "rejected",
        "unread_phones", "started_at", "heartbeat_at", "finished_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of sources that the user may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        sources = visible(request.user, Source.objects.all(), "view_source")
        return rows.filter(source_id__in=sources.values("id"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The file's name may name a person: only for who sees such names."""
        return [name for name in self.fields if name != "file" or sees_identifying(request)]

    @admin.display(description="source")
    def source(self, run: Run) -> str:
        """By name."""
        source_id: UUID = run.source_id
        found = lookup.load([source_id]).get(source_id)
        return found.name if found else str(source_id)

    @display(description="state", label=_STATES)  # type: ignore[untyped-decorator]
    def shown_state(self, run: Run) -> str:
        """Coloured."""
        return run.state

    @admin.display(description="progress")
    def bar(self, run: Run) -> SafeString:
        """How far it came, as a bar."""
        share = progress(run)
        colour = "#dc2626" if run.state == Run.State.FAILED else "var(--color-primary-600)"
        words = f"{run.position:,} rows" if share is None or share == 1 else f"{run.position:,} of {run.total:,}"
        return format_html(_BAR, f"{100 * (share or 0):.0f}", colour, words)

    @admin.display(description="file")
    def file(self, run: Run) -> str:
        """The file's name."""
        try:
            return label(run)
        except Unsealable:
            return "(its key is gone)"
