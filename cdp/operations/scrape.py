"""What `/metrics` answers: the sums of what all processes counted, and what the database knows at this moment.

Both speak for the whole installation, whichever web process is asked: scrape one address (the load balancer's), not each
process, or everything counts double. A scrape costs a dozen small queries.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from cdp import metrics
from cdp.alerts.kinds import KINDS
from cdp.alerts.models import Alert
from cdp.operations import queues
from cdp.operations.models import Process
from cdp.operations.reporting import flush
from cdp.operations.version import VERSION

ALIVE = timedelta(seconds=30)
_EVENTS = "SELECT source_id::text, outcome, sum(n)::bigint FROM events_tally GROUP BY 1, 2"
_PROFILES = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'identity_profile'::regclass"
_CONNECTIONS = """
SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1
"""


def gauge(name: str, help: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()) -> Metric:
    """A gauge family from its values by label values."""
    family = GaugeMetricFamily(name, help, labels=labels)
    for labelled, value in values.items():
        family.add_metric(labelled, value)
    return family


def counted() -> Iterator[Metric]:
    """What processes count in memory (`cdp.metrics`). A series that nobody touched yet is absent, its name is not."""
    flush()
    parts: dict[str, dict[tuple[str, ...], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT name, labels, part, n FROM operations_series")
        for name, labels, part, n in cursor.fetchall():
            parts[name][tuple(json.loads(labels))][part] = n
    for metric in metrics.ALL:
        found = parts[metric.name] or ({} if metric.labels else {(): {}})
        if isinstance(metric, metrics.Histogram):
            yield _histogram(metric, found)
        else:
            family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labelled, values in found.items():
                family.add_metric(labelled, values.get("", 0))
            yield family


def _histogram(metric: metrics.Histogram, found: dict[tuple[str, ...], dict[str, float]]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labelled, values in found.items():
        buckets, below = [], 0.0
        for bound in metric.parts[:-1]:
            below += values.get(bound, 0)
            buckets.append((bound, below))
        family.add_metric(labelled, buckets, values.get(metrics.SUM, 0))
    return family


def flow(now: datetime) -> Iterator[Metric]:
    """Events by source and outcome, the queues, people, connections."""
    with connections["default"].cursor() as cursor:
        events = CounterMetricFamily("cdp_events", "Events, by source (id) and outcome", labels=("source", "outcome"))
        cursor.execute(_EVENTS)
        for source, outcome, n in cursor.fetchall():
            events.add_metric((source, outcome), n)
        yield events
        cursor.execute(_PROFILES)
        yield gauge("cdp_profiles", "Profiles (estimate of the planner)", {(): cursor.fetchone()[0]})
    waiting = queues.waiting(now)
    yield gauge("cdp_waiting", "How many wait in a queue", {(it,): waiting[it].n for it in waiting}, ("queue",))
    ages = {(it,): waiting[it].seconds for it in waiting}
    yield gauge("cdp_waiting_seconds", "Age of the first that waits in a queue", ages, ("queue",))
    sessions: dict[tuple[str, ...], float] = {}
    for alias, name in (("default", "main"), ("vault", "vault")):
        with connections[alias].cursor() as cursor:
            cursor.execute(_CONNECTIONS)
            sessions |= {(name, state): n for state, n in cursor.fetchall()}
    yield gauge("cdp_database_connections", "Database sessions by state", sessions, ("database", "state"))


def house(now: datetime) -> Iterator[Metric]:
    """Processes, broker, disk, alerts, version."""
    alive = Process.objects.filter(seen_at__gt=now - ALIVE).order_by("kind", "started_at")
    places: dict[str, int] = defaultdict(int)
    running: dict[tuple[str, ...], float] = {(kind,): 0 for kind in Process.Kind.values}
    each: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for process in alive:
        place = (process.kind, str(places[process.kind]))
        places[process.kind] += 1
        running[(process.kind,)] += 1
        for name, value in process.figures.items():
            each[name][place] = value
    yield gauge("cdp_processes", "Processes that report themselves", running, ("kind",))
    labels = ("kind", "place")
    yield gauge("cdp_process_memory_bytes", "Resident memory", each["memory_bytes"], labels)
    yield gauge("cdp_process_threads", "Threads of Python", each["threads"], labels)
    yield gauge("cdp_process_vault_keys", "Record keys in memory", each["vault_keys"], labels)
    cpu = CounterMetricFamily("cdp_process_cpu_seconds", "Processor time", labels=labels)
    for labelled, seconds in each["cpu_seconds"].items():
        cpu.add_metric(labelled, seconds)
    yield cpu
    jobs = queues.broker()
    yield gauge("cdp_broker_up", "Whether the broker answers", {(): float(jobs is not None)})
    yield gauge("cdp_jobs_waiting", "Jobs in the broker", {(it,): n for it, n in (jobs or {}).items()}, ("queue",))
    usage = shutil.disk_usage(settings.DATA_DIR)
    yield gauge("cdp_disk_bytes", "The disk of DATA_DIR", {("free",): usage.free, ("size",): usage.total}, ("what",))
    open_now = dict.fromkeys(((kind,) for kind in KINDS), 0.0)
    for kind in Alert.objects.all().open().values_list("kind", flat=True):
        open_now[(kind,)] = open_now.get((kind,), 0) + 1
    yield gauge("cdp_alerts_open", "Alerts that hold now", open_now, ("kind",))
    yield gauge("cdp_build_info", "The version that answers", {(VERSION,): 1}, ("version",))


class Installation(Collector):
    """All of it. What the database does not answer is left out; `cdp_database_up` says so."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: else registering would collect, and importing the addresses would need a database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        now, up = datetime.now(UTC), 1.0
        for part in (counted(), flow(now), house(now)):
            try:
                yield from part
            except (DatabaseError, InterfaceError):
                up = 0.0
        yield gauge("cdp_database_up", "Whether the databases answered this scrape", {(): up})


REGISTRY = CollectorRegistry()
REGISTRY.register(Installation())
