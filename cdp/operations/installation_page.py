"""The page "Installation": what this one is, where its parts are, how they are. Read-only, and without a secret."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from cdp.access.principals import holds
from cdp.alerts.visible import visible_to
from cdp.operations import queues
from cdp.operations.models import Process
from cdp.operations.version import VERSION


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `tone`: the colour of its dot, if it is a state."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


def page(request: HttpRequest) -> HttpResponse:
    """The whole page, for administrators."""
    if not may_see(request):
        raise PermissionDenied
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": "Installation",
        "is_fullwidth": "1",
        "now": now,
        "zone": settings.TIME_ZONE,
        "alerts": visible_to(request.user).open().exclude(kind__startswith="source_"),
        "processes": Process.objects.filter(seen_at__gt=now - timedelta(minutes=1)).order_by("kind", "started_at"),
        "groups": [
            {"title": "This installation", "rows": business(now)},
            {"title": "Servers", "rows": servers()},
            {"title": "E-mail and watching", "rows": watching()},
        ],
    }
    return render(request, "operations/installation.html", context)


def may_see(request: HttpRequest) -> bool:
    """Whoever configures sources and may see users: administrators."""
    return bool(request.user.has_perm("auth.view_user") and holds(request, "sources:write"))


def business(now: datetime) -> list[Row]:
    """Version, address, time zone, currency, region."""
    local = now.astimezone(timezone.get_default_timezone())
    return [
        Row("Version", VERSION),
        Row("Address", settings.PUBLIC_URL, "PUBLIC_URL"),
        Row("Time zone", settings.TIME_ZONE, f"TIME_ZONE. It is {local:%A, %-d %B %Y, %H:%M %Z} now."),
        Row("Currency", settings.CURRENCY, "CURRENCY, of amounts that name none"),
        Row("Region", settings.REGION, "REGION, of phone numbers without a country code"),
    ]


def servers() -> list[Row]:
    """Databases with the state of their migrations, broker, disk."""
    rows = [_database("default", "Main database"), _database("vault", "Vault database")]
    jobs = queues.broker()
    how = "embedded, under DATA_DIR" if settings.CELERY_BROKER_URL.startswith("redis+socket") else "BROKER_URL"
    rows.append(
        Row("Broker", "does not answer", how, "tone-bad")
        if jobs is None
        else Row("Broker", f"answers, {sum(jobs.values()):,} jobs wait", how, "tone-good")
    )
    usage = shutil.disk_usage(settings.DATA_DIR)
    share = usage.free / usage.total
    free = f"{filesizeformat(usage.free)} free ({share:.0%})"
    rows.append(Row("Disk", free, "of DATA_DIR", "tone-good" if share > 0.1 else "tone-bad"))
    return rows


def _database(alias: str, name: str) -> Row:
    how = "embedded, under DATA_DIR" if settings.EMBEDDED else str(settings.DATABASES[alias]["HOST"] or "")
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
            version, size = cursor.fetchone()
        executor = MigrationExecutor(connections[alias])
        behind = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return Row(name, "does not answer", how, "tone-bad")
    said = f"PostgreSQL {version.split()[0]}, {filesizeformat(size)}; {how}"
    if behind:
        return Row(name, f"{behind} migrations behind", f"{said}. Run `manage.py setup`.", "tone-bad")
    return Row(name, "answers, all migrations applied", said, "tone-good")


def watching() -> list[Row]:
    """Mail, alerts, metrics, logs."""
    if settings.EMAIL_CONFIGURED:
        server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        mail = Row("E-mail", server, f"EMAIL_URL; from {settings.DEFAULT_FROM_EMAIL}", "tone-good")
    else:
        mail = Row("E-mail", "no server", "EMAIL_URL is not set: mails wait as files in DATA_DIR/mail.", "tone-warn")
    token = "with METRICS_TOKEN" if settings.METRICS_TOKEN else "for this machine alone (METRICS_TOKEN is not set)"
    return [
        mail,
        Row(
            "Alerts by e-mail",
            f"{len(settings.ALERT_EMAILS)} addresses",
            "ALERT_EMAILS; users subscribe on the page of alerts",
        ),
        Row("Metrics", "/metrics", token),
        Row(
            "Logs", f"{settings.LOG_FORMAT}, from {settings.LOG_LEVEL}", f"requests: {settings.ACCESS_LOG} (ACCESS_LOG)"
        ),
    ]
