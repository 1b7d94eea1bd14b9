"""The sidebar: every page that a role may open, in five groups."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from cdp.access.principals import holds


@dataclass(frozen=True, slots=True)
class Page:
    """A page for whoever may view a model ("app.model"): its list, or the address of that name. With a `scope` it is for
    those alone whose role holds that too, and beside the model's own page."""

    title: str
    icon: str
    model: str
    address: str = ""
    scope: str = ""


GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (
        "People",
        (
            Page("Profiles", "person_search", "identity.profile"),
            Page("Groups", "domain", "groups.group"),
            Page("Review", "compare_arrows", "identity.review"),
            Page("Quality", "monitoring", "identity.review", "console_quality", "merges:read"),
            Page("Merges", "merge", "identity.merge"),
            Page("Decisions", "call_split", "identity.constraint"),
            Page("Retired values", "link_off", "identity.retiredvalue"),
            Page("Survivorship", "rule", "identity.attributerule"),
        ),
    ),
    ("Segments", (Page("Segments", "groups", "segments.segment"),)),
    (
        "Consent",
        (
            Page("Purposes", "flag", "consent.purpose"),
            Page("Notices", "description", "consent.notice"),
            Page("Ledger", "history_edu", "consent.ledgerentry"),
        ),
    ),
    (
        "Data",
        (
            Page("Sources", "input", "sources.source", "console_sources"),
            Page("Live events", "sensors", "sources.source", "console_debugger", "sources:write"),
            Page("Alerts", "notifications", "alerts.alert"),
            Page("Runs", "upload_file", "connectors.run"),
            Page("Rejections", "report", "events.rejection"),
            Page("Catalogue", "menu_book", "catalogue.field"),
        ),
    ),
    (
        "Trust",
        (
            Page("Audit trail", "verified_user", "audit.entry"),
            Page("API keys", "key", "access.apikey"),
            Page("Users", "manage_accounts", "auth.user"),
            Page("Invitations", "person_add", "access.invitation"),
            Page("Installation", "dns", "operations.process"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What unfold shows in its sidebar: only pages that exist and that this user may open."""
    home = {
        "title": "Home",
        "icon": "space_dashboard",
        "link": reverse("admin:index"),
        "active": lambda request: request.path == reverse("admin:index"),
    }
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, pages in GROUPS:
        items = [item for item in (_item(page, request) for page in pages) if item]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _item(page: Page, request: HttpRequest) -> dict[str, Any] | None:
    app, name = page.model.split(".")
    model = apps.get_model(app, name)
    if not admin.site.is_registered(model) or not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    if page.scope and not holds(request, page.scope):
        return None
    of_model = reverse(f"admin:{app}_{name}_changelist")
    link = reverse(f"admin:{page.address}") if page.address else of_model
    return {
        "title": page.title,
        "icon": page.icon,
        "link": link,
        "active": lambda request: request.path.startswith(link if page.scope else (link, of_model)),
    }
