"""Admin pages: values that link nobody. (Profiles, merges and decisions are the console's, which names people.)"""

from django.contrib import admin

from cdp.access.admin import ReadOnlyAdmin
from identity.models import RetiredValue
from identity.rules import LABELS


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
