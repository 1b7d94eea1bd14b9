"""Admin pages whose every change is an audit entry. (Admin classes of other rooms import them from `cdp.access.admin`.)

Django's own admin log is not written: its texts repeat the names of objects, which can be personal data.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

from cdp.access.objects import may, visible
from cdp.access.principals import audited, sees_identifying


def _changed(form: Any, formsets: Iterable[Any]) -> list[str]:
    fields = list(form.changed_data) if form else []
    for formset in formsets or ():
        names = {name for one in formset.forms for name in one.changed_data}
        fields += [f"{formset.model._meta.model_name}.{name}" for name in sorted(names)]
    return fields


class AuditedAdmin(ModelAdmin):
    """A ModelAdmin that writes audit entries in the change's own transaction.

    `guarded = True` lets users without the model-wide permission see and change the rows granted to them (guardian).
    """

    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    warn_unsaved_form = True
    guarded = False

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> list[str]:
        """Names of the changed fields, for `log_addition` and `log_change`; no values and no object names."""
        return _changed(form, formsets)

    def audit(self, request: HttpRequest, verb: str, row: Model, fields: Iterable[str] = (), **more: Any) -> None:
        """One entry about a row: action `model.verb`."""
        name = row._meta.model_name
        audited(request, f"{name}.{verb}", object=(str(name), row.pk), fields=list(fields), **more)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Called by Django in the transaction of the change."""
        self.audit(request, "add", obj, message if isinstance(message, list) else ())

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Called by Django in the transaction of the change."""
        self.audit(request, "change", obj, message if isinstance(message, list) else ())

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Called by Django before it deletes."""
        for obj in queryset:
            self.audit(request, "delete", obj)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """An action on chosen rows and its entries, or neither."""
        with transaction.atomic():
            response: HttpResponse | None = super().response_action(request, queryset)
            return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The audit trail is the history."""
        name = self.model._meta.model_name
        return redirect(f"/admin/audit/entry/?object_type={name}&object_id={object_id}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the user may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return visible(request.user, rows, f"view_{self.model._meta.model_name}") if self.guarded else rows

    def _granted(self, request: HttpRequest, verb: str, obj: Model | None) -> bool:
        return bool(self.guarded and obj is not None and may(request.user, f"{verb}_{obj._meta.model_name}", obj))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Model-wide, or granted on the row; the list opens for whoever was granted any."""
        if super().has_view_permission(request, obj) or self._granted(request, "view", obj):
            return True
        return bool(self.guarded and obj is None and request.user.is_staff and self.get_queryset(request).exists())

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Model-wide, or granted on the row."""
        return bool(super().has_change_permission(request, obj)) or self._granted(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Model-wide, or granted on the row."""
        return bool(super().has_delete_permission(request, obj)) or self._granted(request, "delete", obj)

    def sees_identifying(self, request: HttpRequest) -> bool:
        """May this page show identifying values in clear?"""
        return sees_identifying(request)


class ReadOnlyAdmin(AuditedAdmin):
    """Rows that nobody adds, changes or deletes by hand."""

    actions = None

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False
