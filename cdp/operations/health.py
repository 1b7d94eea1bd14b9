"""`/healthz` (this process lives), `/readyz` (it can serve) and `/metrics` (Prometheus text)."""

from collections.abc import Iterator

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


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


class _Database(Collector):
    """What the database knows of the flow; read at scrape, so every web process answers alike."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: else registering would collect, and importing the addresses would need a database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        events = GaugeMetricFamily("cdp_events", "Events by outcome since the beginning", labels=["outcome"])
        pending = GaugeMetricFamily("cdp_inbox_pending", "Accepted events that wait for the pipeline")
        delay = GaugeMetricFamily("cdp_inbox_delay_seconds", "Age of the oldest waiting event")
        audit = GaugeMetricFamily("cdp_audit_pending", "Audit entries that wait for the sequencer")
        profiles = GaugeMetricFamily("cdp_profiles", "Profiles (estimate of the planner)")
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT outcome, sum(n)::bigint FROM events_tally GROUP BY outcome")
                for outcome, n in cursor.fetchall():
                    events.add_metric([outcome], n)
                cursor.execute(
                    "SELECT count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0)::float FROM events_inbox"
                )
                waiting, age = cursor.fetchone() or (0, 0.0)
                cursor.execute("SELECT count(*) FROM audit_pending")
                queued = (cursor.fetchone() or (0,))[0]
                cursor.execute("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE relname = 'identity_profile'")
                people = (cursor.fetchone() or (0,))[0]
        except DatabaseError:
            return
        pending.add_metric([], waiting)
        delay.add_metric([], age)
        audit.add_metric([], queued)
        profiles.add_metric([], people)
        yield from (events, pending, delay, audit, profiles)


REGISTRY.register(_Database())


def metrics(request: HttpRequest) -> HttpResponse:
    """The registry in Prometheus' text format. Labels carry outcomes and ids, never a personal value."""
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
