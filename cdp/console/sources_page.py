"""The page of sources: what came from each, what became of it, its imports and their errors."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cdp.access.objects import visible
from cdp.access.principals import holds
from cdp.alerts.models import Alert
from cdp.alerts.visible import visible_to
from cdp.connectors.models import RowError, Run
from cdp.console import charts
from cdp.console.flow import Stream, streams
from cdp.console.home import OUTCOMES
from cdp.sources.models import Source

_RUNS = 5


def sources(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return render(
        request,
        "console/sources.html",
        {**admin.site.each_context(request), **_content(request), "title": "Sources", "is_fullwidth": "1"},
    )


def live(request: HttpRequest) -> HttpResponse:
    """The part that is fetched again every few seconds."""
    response = render(request, "console/_sources.html", _content(request))
    response["Cache-Control"] = "no-store"
    return response


def _content(request: HttpRequest) -> dict[str, Any]:
    if not holds(request, "sources:read"):
        raise PermissionDenied
    now = timezone.now()
    rows = list(visible(request.user, Source.objects.all(), "view_source"))
    found = streams(rows)
    alerts = list(visible_to(request.user).open().filter(kind__startswith="source_"))
    return {
        "cards": [_card(stream, [it for it in alerts if it.about == str(stream.source.id)]) for stream in found],
        "now": now,
        "may_watch": holds(request, "sources:write"),
        "may_add": request.user.has_perm("sources.add_source"),
        "unbalanced": [stream.source.name for stream in found if not stream.balanced],
    }


def _card(stream: Stream, alerts: list[Alert]) -> dict[str, Any]:
    runs = stream.runs[:_RUNS]
    parts = [charts.Part(name, stream.counts[name], tone) for name, tone, _ in OUTCOMES]
    return {
        "stream": stream,
        "alerts": alerts,
        "bar": charts.stack(parts, label=f"Events of {stream.source.name} by outcome"),
        "outcomes": [
            {"name": name, "tone": tone, "says": says, "n": stream.counts[name]} for name, tone, says in OUTCOMES
        ],
        "purposes": stream.source.purposes,
        "runs": [{"run": run, "errors": _errors(run)} for run in runs],
        "more_runs": max(0, len(stream.runs) - _RUNS),
    }


def _errors(run: Run) -> list[RowError]:
    """The first few rows that could not be read."""
    return list(run.errors.order_by("row")[:5]) if run.rejected else []
