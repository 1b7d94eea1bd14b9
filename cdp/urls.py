"""Every address of the platform, except the ingestion wire (`cdp.rsgi`)."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from cdp.access import front, sign_in
from cdp.access.docs_page import docs
from cdp.operations import health

handler400 = "cdp.access.problems.bad_request"
handler403 = "cdp.access.problems.forbidden"
handler404 = "cdp.access.problems.not_found"
handler500 = "cdp.access.problems.server_error"


def gpc(request: HttpRequest) -> HttpResponse:
    """We abide by Global Privacy Control signals (W3C GPC, section 4)."""
    return JsonResponse({"gpc": True, "lastUpdate": "2026-01-01"})


# Each room's `urls.py` holds its part of /api/v1/. Django tries them in this order: profiles are asked for most.
ROOMS = [
    "cdp.console.urls",
    "cdp.sources.urls",
    "cdp.alerts.urls",
    "cdp.catalogue.urls",
    "consent.urls",
    "identity.urls",
    "cdp.events.urls",
    "segments.urls",
    "cdp.console.audit_urls",
    "cdp.connectors.urls",
]

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    *front.urlpatterns,
    path("favicon.ico", RedirectView.as_view(url="/static/console/favicon.svg")),
    path("admin/logout/", sign_in.sign_out),  # before admin's own
    path("admin/", admin.site.urls),
    path("api/v1/", include([path("", include(room)) for room in ROOMS])),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", docs, name="docs"),
    path(".well-known/gpc.json", gpc),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
