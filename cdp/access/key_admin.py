"""API keys: made (and shown once), rotated, revoked."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from cdp.access import keys
from cdp.access.audited_admin import AuditedAdmin
from cdp.access.buckets import parse
from cdp.access.models import ApiKey
from cdp.access.principals import actor_of
from cdp.access.scopes import ROOMS, SCOPES


def _choices(held: list[str]) -> list[tuple[str, str]]:
    """Every scope, every room's star, and what the key holds already (such as `*:read`)."""
    stars = [(f"{room}:*", f"{room}:* — everything in {room}") for room in ROOMS]
    listed = [(scope, f"{scope} — {meaning}") for scope, meaning in SCOPES.items()] + stars
    return listed + [(scope, scope) for scope in held if scope not in dict(listed)]


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Scopes as a list to tick."""

    scopes = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            self.fields["scopes"].choices = _choices(self.instance.scopes)  # type: ignore[attr-defined]

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "purpose", "source_ids", "rate", "expires_at")

    def clean_rate(self) -> str:
        """A rate in normal form. Raises ValidationError."""
        text = str(self.cleaned_data["rate"]).strip().lower()
        try:
            parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return text


def state(key: ApiKey, *, at: datetime) -> str:
    """In a word, what the key is now."""
    if key.revoked_at:
        return "revoked"
    if not key.is_live(at=at):
        return "expired"
    return "replaced" if key.replaced_by_id else "live"


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """Service accounts. A key is never deleted: it is revoked, so that the audit trail can name it."""

    form = KeyForm
    list_display = ("name", "prefix", "state", "held", "purpose", "expires_at", "last_used_at")
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "state", "created_by", "created_at", "revoked_at", "last_used_at", "replaced_by")
    actions = ("rotate", "revoke")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """A new key has no history yet."""
        return KeyForm.Meta.fields + (self.readonly_fields if obj else ())

    @display(  # type: ignore[untyped-decorator]
        description="state", label={"live": "success", "replaced": "warning", "expired": "info", "revoked": "danger"}
    )
    def state(self, key: ApiKey) -> str:
        """In a word."""
        return state(key, at=timezone.now())

    @admin.display(description="scopes")
    def held(self, key: ApiKey) -> str:
        """All scopes."""
        return ", ".join(key.scopes)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: revoke it."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """A new key is made by its verb, which writes the audit entry."""
        if change:
            super().save_model(request, obj, form, change)
            return
        made, token = keys.create_key(
            obj.name, obj.scopes, actor_of(request), obj.source_ids, obj.expires_at, obj.purpose, obj.rate
        )
        obj.__dict__.update(made.__dict__)
        self._token(request, token)

    @staticmethod
    def _token(request: HttpRequest, token: str) -> None:
        request._new_token = token  # type: ignore[attr-defined]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`create_key` wrote the entry."""

    def _show(self, request: HttpRequest, key: ApiKey, token: str) -> HttpResponse:
        """The key, in the answer itself: as a message it would wait in a cookie or a session."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Key of {key.name}",
            "token": token,
            "key": key,
            "opts": self.opts,
            "back": reverse("admin:access_apikey_changelist"),
        }
        return TemplateResponse(request, "access/key_shown.html", context, headers={"Cache-Control": "no-store"})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Shows the key once."""
        return self._show(request, obj, request._new_token)  # type: ignore[attr-defined]

    @admin.action(description="Rotate: make a successor, keep the old key for a day", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """One key at a time, since the successor is shown."""
        if queryset.count() != 1:
            messages.error(request, "Choose one key: its successor is shown once.")
            return None
        try:
            new, token = keys.rotate(queryset.get(), by=actor_of(request), at=timezone.now())
        except ValueError as error:
            messages.error(request, str(error))
            return None
        return self._show(request, new, token)

    @admin.action(description="Revoke at once", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Ends the chosen keys."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        done = sum(keys.revoke(key, by=actor_of(request), at=timezone.now()) for key in queryset)
        messages.success(request, f"{done} revoked.")
