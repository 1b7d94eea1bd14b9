"""The quality page: how good the merges are, who may be more than one person, what the model's versions do. Doors and content."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from cdp.access.principals import actor_of, audited, holds, purpose_of
from cdp.console import activation_page, names, quality_figures, suspects_page
from cdp.console.together import actors
from consent.permits import permits_profiles
from identity import quality, sampling, unsure
from identity.linking import activation, training
from identity.linking.jobs import Busy
from identity.models import MatchModel, Profile
from identity.unsure import Unsure

_LARGEST, _UNSURE, _VERSIONS = 10, 20, 8
_EXAMPLES, _PEOPLE = 6, 4  # of what a comparison found, and of those who would be one
Door = Callable[[HttpRequest], HttpResponse]


def _check(request: HttpRequest, scope: str) -> None:
    if not holds(request, scope):
        raise PermissionDenied


def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    _check(request, "merges:read")
    at = timezone.now()
    suspects = suspects_page.listing(request, lambda ids: _named(request, ids, at=at))
    largest = _largest(request, at=at)
    like, hand = (_joined(request, it, at=at) for it in (unsure.by_likeness(_UNSURE), unsure.by_hand(_UNSURE)))
    compared = _compared(request, at=at)
    seen = sum(len(it["parting"]) + sum(map(len, it["merging"])) for it in compared)
    seen += len(suspects["rows"]) + len(largest) + len(like) + len(hand)
    audited(request, "quality.read", object=("profile", ""), fields=["name"], rows=seen)
    context = {
        **admin.site.each_context(request),
        "title": "Quality",
        "is_fullwidth": "1",
        "suspects": suspects,
        "like": like,
        "hand": hand,
        "largest": largest,
        "compared": compared,
        **quality_figures.figures(at=at),
        **_jobs(request),
    }
    response = render(request, "console/quality.html", context)
    response["Cache-Control"] = "no-store"
    return response


def figures(request: HttpRequest) -> HttpResponse:
    """The part above, fetched again every few seconds: the look under way, tiles and charts."""
    _check(request, "merges:read")
    return _part(request, "console/_quality_figures.html", quality_figures.figures(at=timezone.now()))


def jobs(request: HttpRequest) -> HttpResponse:
    """The part below, fetched again every few seconds: versions of the model and their jobs."""
    _check(request, "merges:read")
    return _part(request, "console/_quality_jobs.html", _jobs(request))


def _part(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response


def _jobs(request: HttpRequest) -> dict[str, Any]:
    rows = _versions()
    return {
        "versions": [{"it": it, "share": _share(it)} for it in rows],
        "may_decide": holds(request, "merges:write"),
        "mark": max((it.comparison["at"] for it in rows if it.comparison), default=""),
    }


def _versions() -> list[MatchModel]:
    return list(MatchModel.objects.order_by("-version")[:_VERSIONS])


def _compared(request: HttpRequest, *, at: datetime) -> list[dict[str, Any]]:
    """What switching to a version would merge and part, by masked name: of each the first few."""
    found = []
    for row in _versions():
        said = row.comparison or {}
        merging = [[UUID(id) for id in ids][:_PEOPLE] for ids in said.get("merging_sample", ())[:_EXAMPLES]]
        parting = [UUID(id) for id in said.get("parting_sample", ())[:_EXAMPLES]]
        if merging or parting:
            named = _named(request, [*parting, *(id for ids in merging for id in ids)], at=at)
            found.append({
                "version": row.version,
                "merging": [[_example(id, named) for id in ids] for ids in merging],
                "parting": [_example(id, named) for id in parting],
            })  # fmt: skip
    return found


def _example(id: UUID, named: dict[UUID, dict[str, Any]]) -> dict[str, Any]:
    return {"id": id, "name": named.get(id, {"name": "withheld"})["name"], "records": named.get(id, {}).get("records")}


def _share(it: MatchModel) -> int:
    """How far its job is, in per cent."""
    return min(100, 100 * it.looked_at // it.total) if it.job and it.total else 0


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


def confirm(request: HttpRequest, version: int) -> HttpResponse:
    """Asks before a version is put in force, or no longer."""
    return activation_page.page(request, version, lambda ids: _named(request, ids, at=timezone.now()))


def _sure(request: HttpRequest) -> None:
    if "sure" not in request.POST:
        raise ValueError("Nothing was changed: look first at what would change, and say there that you are sure.")


@_door
def activate(request: HttpRequest) -> str:
    """Switches to a version."""
    _sure(request)
    activation.activate(_version(request), by=actor_of(request), at=timezone.now())
    return "Chosen. Records are scored anew in the background; this page shows how far that is."


@_door
def deactivate(request: HttpRequest) -> str:
    """Matching by the rules alone."""
    _sure(request)
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
        path("people/quality/figures/", wrap(figures), name="console_quality_figures"),
        path("people/quality/jobs/", wrap(jobs), name="console_quality_jobs"),
        path("people/quality/versions/<int:version>/", wrap(confirm), name="console_quality_confirm"),
        path("people/quality/question/", wrap(require_POST(suspects_page.compare)), name="console_quality_question"),
        *(
            path(f"people/quality/{name}/", wrap(door), name=f"console_quality_{name}")
            for name, door in buttons.items()
        ),
    ]
