"""The home page of admin: live figures. `dashboard` and `navigation` are named in settings.UNFOLD."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cdp.access.masking import rounded
from cdp.access.objects import visible
from cdp.access.principals import holds, sees_rounded
from cdp.alerts.visible import visible_to
from cdp.console import charts
from cdp.console.figures import Count, Figures, Size, figures
from cdp.console.flow import streams
from cdp.console.navigation import navigation
from cdp.sources.models import Source
from segments.models import Segment

__all__ = ["dashboard", "live", "navigation"]

OUTCOMES: tuple[tuple[str, str, str], ...] = (
    ("stored", "tone-good", "Kept in the event store"),
    ("duplicates", "tone-calm", "The same message again"),
    ("rejected", "tone-bad", "Could not be taken; kept sealed, can be replayed"),
    ("suppressed", "tone-dark", "Of somebody who was erased or blocked"),
    ("denied", "tone-warn", "No permission for the source's purposes"),
    ("pending", "tone-wait", "Accepted, on the way through the pipeline"),
)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback for the index page."""
    return {**context, **board(request, timezone.now()), "title": "Home"}


def live(request: HttpRequest) -> HttpResponse:
    """The figures alone: what the home page fetches again every few seconds."""
    response = render(request, "console/_figures.html", board(request, timezone.now()))
    response["Cache-Control"] = "no-store"
    return response


def board(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the templates need, as far as this user may see it."""
    found = figures(now)
    coarse = sees_rounded(request)
    sources = visible(request.user, Source.objects.all(), "view_source") if holds(request, "sources:read") else []
    return {
        "alerts": list(visible_to(request.user).open()) if holds(request, "sources:read") else [],
        "figures": found,
        "profiles": _people(found.profiles, coarse),
        "records": _people(found.records, coarse),
        "outcomes": _outcomes(found),
        "outcome_stack": charts.stack(_parts(found), label="Events by outcome"),
        "chart_days": _days(found),
        "chart_hours": _hours(found),
        "days_total": sum(n for _, n in found.days),
        "hours_total": sum(n for _, n in found.hours),
        "first_day": found.days[0][0] if found.days else now,
        "sizes": _sizes(found.segments, request, coarse) if holds(request, "segments:read") else None,
        "agreements": _agreements(found, coarse) if holds(request, "consents:read") else None,
        "streams": streams(list(sources))[:8] if sources else None,
        "sees_sources": holds(request, "sources:read"),
        "sees_catalogue": holds(request, "catalogue:read"),
        "coarse": coarse,
        "now": now,
    }


def _people(count: Count, coarse: bool) -> Count:
    return Count(rounded(count.n), about=True) if coarse else count


def _parts(found: Figures) -> list[charts.Part]:
    return [charts.Part(name, found.outcomes.get(name, 0), tone) for name, tone, _ in OUTCOMES]


def _outcomes(found: Figures) -> list[dict[str, Any]]:
    total = found.outcomes["accepted"] or 1
    return [
        {
            "name": name,
            "tone": tone,
            "says": says,
            "n": found.outcomes.get(name, 0),
            "share": 100 * found.outcomes.get(name, 0) / total,
        }
        for name, tone, says in OUTCOMES
    ]


def _days(found: Figures) -> str:
    points = [charts.Bar(n, f"{day:%a %-d %b}: {n:,} events") for day, n in found.days]
    return charts.bars(points, height=120, label="Events by day, the last 30 days")


def _hours(found: Figures) -> str:
    points = [charts.Bar(n, f"{hour:%a %H:%M %Z}: {n:,} events") for hour, n in found.hours]
    return charts.bars(points, height=80, tone="tone-second", label="Events by hour, the last 24 hours")


def _sizes(sizes: list[Size], request: HttpRequest, coarse: bool) -> list[dict[str, Any]]:
    allowed = set(visible(request.user, Segment.objects.all(), "view_segment").values_list("id", flat=True))
    shown: list[dict[str, Any]] = [
        {"segment": it, "size": _people(it.size, coarse), "withheld": _people(it.withheld, coarse)}
        for it in sizes
        if it.id in allowed
    ][:10]
    top = max((row["size"].n for row in shown), default=0) or 1
    return [{**row, "share": 100 * row["size"].n / top} for row in shown]


def _agreements(found: Figures, coarse: bool) -> list[dict[str, Any]]:
    rows = []
    for it in found.agreements:
        numbers = {"allowed": it.allowed, "refused": it.refused, "lapsed": it.lapsed}
        if coarse:
            numbers = {name: rounded(n) for name, n in numbers.items()}
        parts = [
            charts.Part("granted", numbers["allowed"], "tone-good"),
            charts.Part("refused or withdrawn", numbers["refused"], "tone-bad"),
            charts.Part("lapsed", numbers["lapsed"], "tone-calm"),
        ]
        asks = it.basis == "consent"
        rows.append(
            {
                "purpose": it.purpose,
                "basis": it.basis.replace("_", " "),
                "asks": asks,
                **numbers,
                "bar": charts.stack(parts),
            }
        )
    return sorted(rows, key=lambda row: (not row["asks"], -(row["allowed"] + row["refused"] + row["lapsed"])))
