"""Admin pages: alerts, and who gets them by e-mail."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.principals import holds
from cdp.alerts.models import Alert, Subscriber
from cdp.alerts.subscribe import subscribe, unsubscribe
from cdp.alerts.visible import visible_to


class StateFilter(admin.SimpleListFilter):
    """Open or closed."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two."""
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the chosen state."""
        return queryset.filter(closed_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What is wrong, since when, and what to do."""

    list_display = ["state", "title", "about_label", "what_and_remedy", "since", "closed_at"]
    list_display_links = None
    list_filter = [StateFilter]
    list_before_template = "alerts/_subscribe.html"
    ordering = ["-id"]

    @display(description="State", label={"critical": "danger", "open": "warning", "closed": "success"})  # type: ignore[untyped-decorator]
    def state(self, alert: Alert) -> str:
        """Open ones in the colour of their severity."""
        if alert.closed_at:
            return "closed"
        return "critical" if alert.severity == "critical" else "open"

    @display(description="About")  # type: ignore[untyped-decorator]
    def about_label(self, alert: Alert) -> str:
        """A source, a machine, a process; the house itself has no name."""
        return alert.label or "–"

    @display(description="What, and what to do")  # type: ignore[untyped-decorator]
    def what_and_remedy(self, alert: Alert) -> SafeString:
        """Both; of closed ones the first."""
        if alert.closed_at:
            return format_html("{}", alert.what)
        return format_html(
            "<span class='font-medium text-font-important-light dark:text-font-important-dark'>{}</span><br>"
            "<span class='whitespace-normal'>{}</span>",
            alert.what, alert.remedy,
        )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that lasted, of what the user may see."""
        return visible_to(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see sources."""
        return bool(request.user.is_staff and holds(request, "sources:read"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Likewise."""
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the reader's own subscription."""
        subscribed = Subscriber.objects.filter(user=request.user.pk).exists()
        address = getattr(request.user, "email", "")
        more = {"subscribed": subscribed, "has_address": bool(address)}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return response

    def get_urls(self) -> list[URLPattern]:
        """And the two buttons."""
        wrap = self.admin_site.admin_view
        return [
            path("subscribe/", wrap(require_POST(self.subscribe)), name="alerts_subscribe"),
            *super().get_urls(),
        ]

    def subscribe(self, request: HttpRequest) -> HttpResponse:
        """Starts or stops e-mails to whoever pressed the button."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.POST.get("wanted") == "1":
            subscribe(request.user)
            messages.success(request, "You get an e-mail when an alert opens, and when it closes.")
        else:
            unsubscribe(request.user)
            messages.success(request, "You get no more e-mails about alerts.")
        return redirect("admin:alerts_alert_changelist")
