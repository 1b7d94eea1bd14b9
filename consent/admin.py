"""Admin pages: purposes, notices and the ledger."""

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from cdp.access.admin import AuditedAdmin, ReadOnlyAdmin
from cdp.access.rest import actor_of
from consent.models import LedgerEntry, Notice, Purpose
from consent.purposes import ensure_purpose, publish_notice
from consent.record import evidence_of

_STATUS_COLOURS = {
    "granted": "success",
    "released": "success",
    "denied": "warning",
    "withdrawn": "danger",
    "objected": "danger",
    "restricted": "danger",
}


@admin.register(Purpose)
class PurposeAdmin(AuditedAdmin):
    """Purposes: never deleted, because the ledger speaks of them; the key stays."""

    list_display = ["key", "name", "basis_label", "opt_out_by_gpc", "statements", "created_at"]
    list_filter = ["basis", "opt_out_by_gpc"]
    search_fields = ["key", "name"]
    ordering = ["key"]
    fields = ["key", "name", "description", "basis", "opt_out_by_gpc"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The key stays."""
        return ["key"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @display(description="Legal basis", label=True)  # type: ignore[untyped-decorator]
    def basis_label(self, purpose: Purpose) -> str:
        """The basis in words."""
        return purpose.get_basis_display()

    @display(description="Statements")  # type: ignore[untyped-decorator]
    def statements(self, purpose: Purpose) -> str:
        """Lines of the ledger about it, by status."""
        rows = LedgerEntry.objects.filter(purpose=purpose.key).values_list("status")
        counts: dict[str, int] = dict(rows.annotate(n=Count("id")).order_by("status"))
        return ", ".join(f"{n:,} {status}" for status, n in counts.items()) or "none"

    def save_model(self, request: HttpRequest, obj: Purpose, form: Any, change: bool) -> None:
        """A new purpose goes through the verb, which writes the entry."""
        if change:
            super().save_model(request, obj, form, change)
            return
        values = {key: form.cleaned_data[key] for key in ("basis", "name", "description", "opt_out_by_gpc")}
        purpose, _ = ensure_purpose(obj.key, by=actor_of(request), **values)
        obj.__dict__.update(purpose.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`ensure_purpose` has written the entry."""


@admin.register(Notice)
class NoticeAdmin(AuditedAdmin):
    """Texts that people were shown: published, never changed."""

    list_display = ["purpose", "version", "language", "digest", "created_at"]
    list_filter = ["purpose", "language"]
    ordering = ["purpose", "-created_at"]
    fields = ["purpose", "version", "language", "text"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A new text is a new version."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The ledger refers to it."""
        return False

    @display(description="SHA-256")  # type: ignore[untyped-decorator]
    def digest(self, notice: Notice) -> str:
        """The beginning of the text's hash."""
        return bytes(notice.text_hash).hex()[:16]

    def save_model(self, request: HttpRequest, obj: Notice, form: Any, change: bool) -> None:
        """One call of the verb, which writes the entry."""
        values = {key: form.cleaned_data[key] for key in ("version", "language", "text")}
        notice = publish_notice(form.cleaned_data["purpose"], **values, by=actor_of(request))
        obj.__dict__.update(notice.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`publish_notice` has written the entry."""


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnlyAdmin):
    """Who said what, when and how: by digest, without any value."""

    list_display = ["recorded_at", "purpose", "status_label", "basis", "channel", "method", "notice_version", "people",
                    "effective_from", "expires_at", "actor"]  # fmt: skip
    list_filter = [
        "purpose",
        ("status", ChoicesDropdownFilter),
        ("basis", ChoicesDropdownFilter),
        ("recorded_at", RangeDateTimeFilter),
        "method",
        "channel",
    ]
    list_filter_submit = True
    ordering = ["-recorded_at", "-id"]
    fields = ["id", "purpose", "status", "basis", "notice_version", "jurisdiction", "channel", "method", "evidence", "subjects",
              "effective_from", "expires_at", "recorded_at", "actor", "source_id", "cause"]  # fmt: skip
    readonly_fields = ["evidence"]

    @display(description="Status", label=_STATUS_COLOURS, ordering="status")  # type: ignore[untyped-decorator]
    def status_label(self, entry: LedgerEntry) -> str:
        """The status, coloured."""
        return entry.status

    @display(description="Identifiers")  # type: ignore[untyped-decorator]
    def people(self, entry: LedgerEntry) -> int:
        """Under how many identifiers it was said."""
        return len(entry.subjects)

    @display(description="Evidence")  # type: ignore[untyped-decorator]
    def evidence(self, entry: LedgerEntry) -> str:
        """The free text that was kept with it: opened only for who may see identifying values."""
        if entry.evidence_sealed is None:
            return "–"
        if not getattr(entry, "_open", False):
            return "(sealed)"
        return evidence_of(entry.id, bytes(entry.evidence_sealed)) or "(erased)"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> LedgerEntry | None:
        """Opening a line that holds evidence is a read of identifying data."""
        entry: LedgerEntry | None = super().get_object(request, object_id, from_field)
        if entry is not None and entry.evidence_sealed is not None and self.sees_identifying(request):
            entry._open = True  # type: ignore[attr-defined]
            self.audit(request, "reveal", entry, ["evidence"])
        return entry
