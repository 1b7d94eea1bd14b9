"""Admin pages: rejections and how full the inbox is. Nothing of an event is shown: reasons, fields and times only."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.rest import actor_of, holds
from cdp.events.models import Inbox, Rejection
from cdp.events.replay import LIMIT, replay
from cdp.events.shape import REASONS
from cdp.events.writer import Overloaded
from cdp.sources.models import Source


def _names() -> dict[UUID, str]:
    return dict(Source.objects.values_list("id", "name"))


class SourceFilter(admin.SimpleListFilter):
    """By source."""

    title, parameter_name = "source", "source_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All sources."""
        return [(str(id), name) for id, name in sorted(_names().items(), key=lambda pair: pair[1])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen source."""
        try:
            return queryset.filter(source_id=UUID(self.value())) if self.value() else queryset
        except ValueError:
            return queryset.none()


class SourcedAdmin(ReadOnlyAdmin):
    """Rows with a source id, shown with the source's name (read once for a page)."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list."""
        self._sources = _names()
        page: HttpResponse = super().changelist_view(request, extra_context)
        return page

    @display(description="Source")  # type: ignore[untyped-decorator]
    def source(self, row: Any) -> str:
        """The source's name."""
        names = getattr(self, "_sources", None) or _names()
        return names.get(row.source_id, str(row.source_id))


@admin.register(Rejection)
class RejectionAdmin(SourcedAdmin):
    """Events that could not be taken, and why."""

    list_display = ["at", "source", "reason_label", "meaning", "field", "state", "expires_at"]
    list_filter = [SourceFilter, "reason", "at"]
    ordering = ["-id"]
    fields = ["id", "source", "reason", "meaning", "field", "at", "expires_at", "replayed_at"]
    readonly_fields = fields
    actions = ["replay_selected"]  # type: ignore[assignment]  # the one thing that can be done with them

    @display(description="Reason", label=True)  # type: ignore[untyped-decorator]
    def reason_label(self, rejection: Rejection) -> str:
        """The code."""
        return rejection.reason

    @display(description="Meaning")  # type: ignore[untyped-decorator]
    def meaning(self, rejection: Rejection) -> str:
        """The reason in words."""
        return REASONS.get(rejection.reason, "")

    @display(description="State", label={"waiting": "warning", "replayed": "success"})  # type: ignore[untyped-decorator]
    def state(self, rejection: Rejection) -> str:
        """Replayed or not."""
        return "replayed" if rejection.replayed_at else "waiting"

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may write to sources."""
        return holds(request, "sources:write")

    @admin.action(description="Replay the selected rejections", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Rejection]) -> None:
        """Offers them again through the same door."""
        ids = list(queryset.order_by("id").values_list("id", flat=True)[:LIMIT])
        try:
            done = replay(ids, by=actor_of(request), at=datetime.now(UTC))
        except Overloaded:
            self.message_user(request, "Not taken now: try again in a moment.", messages.ERROR)
            return
        level = messages.WARNING if done.refused else messages.SUCCESS
        self.message_user(
            request, f"{done.offered} offered again, {done.taken} taken, {len(done.refused)} refused.", level
        )


@admin.register(Inbox)
class InboxAdmin(SourcedAdmin):
    """Accepted events that wait for the pipeline: normally none for longer than a second."""

    list_display = ["id", "source", "received_at", "attempts"]
    list_filter = [SourceFilter]
    ordering = ["id"]
    fields = ["id", "source", "received_at", "attempts"]
    readonly_fields = fields
