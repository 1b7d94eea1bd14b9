"""Admin pages: the history of merges with undo, decisions, values that link nobody. (The profile page is the console's.)"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.rest import actor_of, holds
from identity import decide
from identity.decide import Undecidable
from identity.models import Constraint, Merge, RetiredValue
from identity.rules import LABELS


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    """Merges and splits, newest first."""

    list_display = ("at", "kind", "profile_id", "moved", "why", "actor", "undone_at")
    list_filter = ("kind", "at")
    search_fields = ("=profile_id",)
    search_help_text = "The id of a profile"
    ordering = ("-id",)
    actions = ("undo",)  # type: ignore[assignment]

    @admin.display(description="records moved")
    def moved(self, row: Merge) -> int:
        """How many records changed their profile."""
        return len(row.records)

    @admin.display(description="because")
    def why(self, row: Merge) -> str:
        """The links or the decision behind it."""
        if row.because.get("constraints"):
            return "decided by a person"
        return ", ".join(f"{rule} ×{n}" for rule, n in row.because.get("links", {}).items()) or "a link was withdrawn"

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Who may decide about merges."""
        return holds(request, "merges:write")

    @admin.action(description="Undo: they are different people (a split: they are one)", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Newest first, so that what came later is undone before what it stood on."""
        done = 0
        for row in queryset.order_by("-id"):
            try:
                decide.undo(row.pk, by=actor_of(request), at=timezone.now())
                done += 1
            except Undecidable as error:
                messages.warning(request, f"{row.pk}: {error}")
        if done:
            messages.success(request, f"Undone: {done}. They stay so, whatever comes later.")


@admin.register(Constraint)
class ConstraintAdmin(ReadOnlyAdmin):
    """What people decided about two records."""

    list_display = ("at", "verdict", "left_id", "right_id", "actor")
    list_filter = ("verdict", "at")
    search_fields = ("=left_id", "=right_id")
    search_help_text = "The id of a record"
    ordering = ("-at",)


@admin.register(RetiredValue)
class RetiredValueAdmin(ReadOnlyAdmin):
    """Identifier values that link nobody: junk, or shared by too many. Shown by digest: the value is sealed."""

    list_display = ("at", "kind_label", "reason", "holders", "digest")
    list_filter = ("reason", "kind")
    ordering = ("-holders",)
    list_display_links = None

    @admin.display(description="kind", ordering="kind")
    def kind_label(self, row: RetiredValue) -> str:
        """The kind by name."""
        return LABELS.get(row.kind, str(row.kind))
