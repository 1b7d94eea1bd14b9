"""`/healthz` (this process lives), `/readyz` (it can serve) and `/metrics` (Prometheus text)."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cdp.operations.scrape import REGISTRY


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process can answer at all."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when both databases answer, else 503 with the names of those that do not."""
    away = []
    for alias in ("default", "vault"):
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError:
            connections[alias].close()
            away.append(alias)
    return JsonResponse({"status": "unavailable" if away else "ok", "away": away}, status=503 if away else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of the installation in Prometheus' text format. Labels carry codes and ids, never a personal value.

    Asks for METRICS_TOKEN as a Bearer token; without one, only this machine itself is answered."""
    if not _may_scrape(request):
        headers = {"WWW-Authenticate": 'Bearer realm="metrics"'} if settings.METRICS_TOKEN else {}
        text = (
            "Send METRICS_TOKEN as a Bearer token.\n" if settings.METRICS_TOKEN else "Set METRICS_TOKEN and send it.\n"
        )
        return HttpResponse(text, status=401 if headers else 403, headers=headers, content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given, wanted = token.strip().encode(), settings.METRICS_TOKEN.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given, wanted)
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False  # a proxy on this machine asks for somebody elsewhere
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
