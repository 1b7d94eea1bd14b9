"""The quality page: how good the merges are, who may be more than one person, what the model's versions do. Doors and content."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from cdp.access.principals import actor_of, audited, holds, purpose_of
from cdp.console import charts, names, suspects_page
from cdp.console.together import actors
from consent.permits import permits_profiles
from identity import estimate, quality, queue, sampling, unsure
from identity.estimate import Share
from identity.linking import activation, training
from identity.linking.jobs import Busy
from identity.models import MatchModel, Profile, QualityScan, Review
from identity.unsure import Unsure

_LARGEST, _UNSURE, _POINTS, _VERSIONS = 10, 20, 60, 8
Door = Callable[[HttpRequest], HttpResponse]


def _check(request: HttpRequest, scope: str) -> None:
    if not holds(request, scope):
        raise PermissionDenied


def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    _check(request, "merges:read")
    at = timezone.now()
    scans = quality.series(_POINTS)
    suspects = suspects_page.listing(request, lambda ids: _named(request, ids, at=at))
    largest = _largest(request, at=at)
    like, hand = (_joined(request, it, at=at) for it in (unsure.by_likeness(_UNSURE), unsure.by_hand(_UNSURE)))
    seen = len(suspects["rows"]) + len(largest) + len(like) + len(hand)
    audited(request, "quality.read", object=("profile", ""), fields=["name"], rows=seen)
    context = {
        **admin.site.each_context(request),
        "title": "Quality",
        "is_fullwidth": "1",
        "now": at,
        "last": scans[-1] if scans else None,
        "ratio": charts.bars(
            [*[charts.Bar(0, "")] * max(0, 24 - len(scans)), *(_bar(it) for it in scans)],
            height=90,
            label="Profiles for 100 records",
        )
        if scans
        else "",
        "scans": scans,
        "estimates": estimates(scans[-1].counts if scans else {}),
        "suspects": suspects,
        "like": like,
        "hand": hand,
        "largest": largest,
        "missed": queue.reviews().filter(state=Review.State.OPEN, reason__in=("near_even", "guard")).count(),
        "may_decide": holds(request, "merges:write"),
        **_jobs(),
    }
    response = render(request, "console/quality.html", context)
    response["Cache-Control"] = "no-store"
    return response


def jobs(request: HttpRequest) -> HttpResponse:
    """The part that is fetched again every few seconds: the look under way, versions of the model and their jobs."""
    _check(request, "merges:read")
    context = {**_jobs(), "now": timezone.now(), "may_decide": holds(request, "merges:write")}
    response = render(request, "console/_quality_jobs.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _jobs() -> dict[str, Any]:
    versions = list(MatchModel.objects.order_by("-version")[:_VERSIONS])
    return {"scan": quality.under_way(), "versions": [{"it": it, "share": _share(it)} for it in versions]}


def _share(it: MatchModel) -> int:
    """How far its job is, in per cent."""
    return min(100, 100 * it.looked_at // it.total) if it.job and it.total else 0


def _bar(scan: QualityScan) -> charts.Bar:
    records, profiles = scan.counts.get("records", 0), scan.counts.get("profiles", 0)
    value = 100 * profiles / records if records else 0.0
    return charts.Bar(
        value, f"{scan.ended_at:%-d %b %Y %H:%M}: {profiles:,} profiles of {records:,} records ({value:.1f} %)"
    )


def estimates(counts: dict[str, int]) -> list[dict[str, Any]]:
    """Precision and recall of pairs: as the model in force expects them, and as stewards' answers say."""
    rows = []
    model = MatchModel.objects.filter(state=MatchModel.State.ACTIVE).first()
    if model is not None:
        for name in ("precision", "recall"):
            value = model.summary.get("estimated", {}).get(name)
            if value is not None:
                how = f"of likeness, as version {model.version} of the model expects"
                rows.append({"what": name, "how": how, "value": value})
    answers = Review.objects.filter(state__in=(Review.State.SAME, Review.State.DIFFERENT))
    said = answers.aggregate(
        right=Count("id", filter=Q(reason="sample", state="same")), drawn=Count("id", filter=Q(reason="sample")),
        lost=Count("id", filter=Q(reason__in=("near_even", "guard"), state="same")),
        doubtful=Count("id", filter=Q(reason__in=("near_even", "guard"))),
    )  # fmt: skip
    precision = estimate.wilson(said["right"], said["drawn"])
    missed = estimate.wilson(said["lost"], said["doubtful"])
    if precision:
        rows.append(_row("precision", "of a sample of linked pairs, by stewards", precision))
    if precision and missed:
        doubtful = queue.reviews().filter(reason__in=("near_even", "guard"), state=Review.State.OPEN).count()
        found = estimate.recall(precision, counts.get("pairs", 0), missed, doubtful)
        rows.append(_row("recall", "of pairs that were compared, by stewards", found))
    return rows


def _row(what: str, how: str, share: Share) -> dict[str, Any]:
    return {
        "what": what, "how": how, "value": share.value, "low": share.low, "high": share.high, "of": share.of,
        "from": round(100 * share.low, 2), "width": round(100 * (share.high - share.low), 2),
    }  # fmt: skip


def _joined(request: HttpRequest, found: Sequence[Unsure], *, at: datetime) -> list[dict[str, Any]]:
    """Rows of what may be joined wrongly though nothing contradicts."""
    named = _named(request, [it.profile_id for it in found], at=at)
    who = actors(it.actor for it in found)
    return [
        {"it": it, "name": named.get(it.profile_id, {"name": "withheld"})["name"], "who": who.get(it.actor, it.actor)}
        for it in found
    ]


def _largest(request: HttpRequest, *, at: datetime) -> list[dict[str, Any]]:
    rows = list(
        Profile.objects.filter(records__gt=2).order_by("-records", "id").values_list("id", "records")[:_LARGEST]
    )
    named = _named(request, [id for id, _ in rows], at=at)
    top = rows[0][1] if rows else 1
    return [
        {"id": id, "records": n, "name": named.get(id, {"name": "withheld"})["name"], "share": 100 * n // top}
        for id, n in rows
    ]


def _named(request: HttpRequest, ids: Sequence[UUID], *, at: datetime) -> dict[UUID, dict[str, Any]]:
    """Masked names and sizes of those who permit the reader's purpose."""
    allowed = permits_profiles(ids, purpose_of(request), at=at)
    rows = list(Profile.objects.filter(id__in=[id for id in ids if id in allowed and allowed[id].allowed]))
    called = names.of_profiles(rows)
    return {row.id: {"name": called[row.id], "records": row.records} for row in rows}


def _door(view: Callable[[HttpRequest], str]) -> Door:
    """A button of the page: for who may decide; says what came of it, and shows the page again."""

    @wraps(view)
    def pressed(request: HttpRequest) -> HttpResponse:
        _check(request, "merges:write")
        try:
            messages.success(request, view(request))
        except (ValueError, LookupError, Busy, MatchModel.DoesNotExist) as error:
            messages.warning(request, str(error) or "It is not there any more: reload the page.")
        return redirect("admin:console_quality")

    return require_POST(pressed)


@_door
def look(request: HttpRequest) -> str:
    """Looks at all profiles anew, in the background."""
    quality.ask(by=actor_of(request), at=timezone.now())
    return "A look over all profiles begins; this page shows how far it is."


@_door
def draw(request: HttpRequest) -> str:
    """Draws a sample of linked pairs."""
    made = sampling.draw(50, by=actor_of(request), at=timezone.now())
    return f"{made} pairs drawn by chance wait in the queue (reason: sample)."


@_door
def clear(request: HttpRequest) -> str:
    """A suspect is one person."""
    quality.clear(UUID(request.POST.get("profile", "")), by=actor_of(request), at=timezone.now())
    return "It is off the list until its contradictions change."


@_door
def train(request: HttpRequest) -> str:
    """Trains a new version on the people of today."""
    row = training.begin(by=actor_of(request))
    return f"Training of version {row.version} begins; this page shows how far it is."


@_door
def compare(request: HttpRequest) -> str:
    """Works out what switching to a version would change."""
    from identity.linking import comparison  # numpy and pyarrow take half a second: only when there is something to do

    comparison.begin(_version(request), by=actor_of(request))
    return "The comparison begins; this page shows what would merge and what would split."


@_door
def activate(request: HttpRequest) -> str:
    """Switches to a version."""
    activation.activate(_version(request), by=actor_of(request), at=timezone.now())
    return "Chosen. Records are scored anew in the background; this page shows how far that is."


@_door
def deactivate(request: HttpRequest) -> str:
    """Matching by the rules alone."""
    activation.deactivate(by=actor_of(request), at=timezone.now())
    return "Links of the model are withdrawn in the background."


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version", "")
    if not text.isdecimal():
        raise Http404
    return int(text)


def urls() -> list[URLPattern]:
    """The addresses below /admin/."""
    wrap = admin.site.admin_view
    buttons = {it.__name__: it for it in (look, draw, clear, train, compare, activate, deactivate)}
    return [
        path("people/quality/", wrap(page), name="console_quality"),
        path("people/quality/jobs/", wrap(jobs), name="console_quality_jobs"),
        path("people/quality/question/", wrap(require_POST(suspects_page.compare)), name="console_quality_question"),
        *(
            path(f"people/quality/{name}/", wrap(door), name=f"console_quality_{name}")
            for name, door in buttons.items()
        ),
    ]
