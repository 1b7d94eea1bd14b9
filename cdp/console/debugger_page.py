"""The live event debugger: what arrives, how it was read, what it became, why it was rejected. Doors only.

What is chosen and searched for travels in the body of requests: a message id or a name of an event may be personal data."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from cdp.access.objects import visible
from cdp.access.principals import audited, holds
from cdp.catalogue import snapshot
from cdp.console import debugger_detail, debugger_rows
from cdp.console.debugger_rows import Choice, viewer_of
from cdp.console.home import OUTCOMES
from cdp.console.reveal_form import opened
from cdp.events import stream
from cdp.events.claim import peek
from cdp.events.shape import MESSAGE_ID_LENGTH, TYPES
from cdp.sources.models import Source

STATES = frozenset({"pending", "stored", "rejected"})
_MOST_WATCHED = 500


class Asked(msgspec.Struct):
    """What the page asks: all fields of all its questions. `watched`: inbox id -> message of rows that it shows as waiting."""

    source: str = ""
    states: list[str] = []
    type: str = ""
    name: str = ""
    since: float | None = None
    before: str = ""
    watched: dict[str, str] = {}
    message_id: str = ""
    state: str = ""
    id: str = ""
    purpose: str = ""
    reason: str = ""
    profile: str = ""


_decode = msgspec.json.Decoder(Asked).decode
Door = Callable[[HttpRequest, Asked, list[Source]], dict[str, Any]]


def _sources(request: HttpRequest) -> list[Source]:
    """Those whose events the reader may watch: for who looks after sources."""
    if not holds(request, "sources:write"):
        raise PermissionDenied
    return list(visible(request.user, Source.objects.order_by("name"), "view_source"))


def page(request: HttpRequest) -> HttpResponse:
    """The frame; what it shows is asked for by its script."""
    sources = _sources(request)
    chosen = next((it for it in sources if str(it.id) == request.GET.get("source", "")), None)
    audited(request, "debugger.open", object=("source", chosen.id if chosen else ""))
    context = {
        **admin.site.each_context(request),
        "title": "Live events",
        "is_fullwidth": "1",
        "sources": sources,
        "chosen": chosen,
        "types": sorted(TYPES),
        "outcomes": OUTCOMES,
        "names": snapshot.current().event_names(),
        "host": settings.PUBLIC_URL,
        "may_add": request.user.has_perm("sources.add_source"),
        "frame": _frame(sources),
    }
    return render(request, "console/debugger.html", context)


def _frame(sources: list[Source]) -> dict[str, Any]:
    """What the script knows of the sources, and the words for outcomes."""
    return {
        "sources": {
            str(it.id): {
                "name": it.name,
                "kind": it.kind,
                "prefix": it.key_prefix,
                "purposes": [f"{entry['purpose']} ({entry['basis'].replace('_', ' ')})" for entry in it.purposes],
            }
            for it in sources
        },
        "zone": settings.TIME_ZONE,
        "outcomes": {name: {"tone": tone, "says": says} for name, tone, says in OUTCOMES},
    }


def _door(view: Door) -> Callable[[HttpRequest], HttpResponse]:
    """A POST of JSON, answered with JSON; bad input gets a sentence."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        sources = _sources(request)
        try:
            asked = _decode(request.body)
            if asked.source:
                sources = [it for it in sources if str(it.id) == asked.source]
            response = JsonResponse(view(request, asked, sources))
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, OverflowError):
            response = JsonResponse({"error": "That could not be understood. Reload the page."}, status=400)
        except Http404:
            response = JsonResponse({"error": "It is not there any more: see what it became in the list."}, status=404)
        response["Cache-Control"] = "no-store"
        return response

    return require_POST(answered)


def _choice(asked: Asked) -> Choice:
    return Choice(frozenset(asked.states) & STATES or STATES, asked.type if asked.type in TYPES else "", asked.name)


@_door
def poll(request: HttpRequest, asked: Asked, sources: list[Source]) -> dict[str, Any]:
    """The latest events, the counts of now, and what became of those that waited."""
    now = timezone.now()
    ids = [it.id for it in sources]
    since = datetime.fromtimestamp(asked.since, UTC) if asked.since is not None else None
    before = UUID(asked.before) if asked.before else None
    # Counts first: what arrives between two questions is then counted in the next answer, not shown before it is counted.
    counts = stream.counts(ids)
    rows, further = debugger_rows.latest(ids, _choice(asked), viewer_of(request), since=since, before=before)
    watched = {debugger_rows.inbox_id(id): UUID(hex=key) for id, key in list(asked.watched.items())[:_MOST_WATCHED]}
    answer: dict[str, Any] = {
        "now": now.timestamp(),
        "rows": rows,
        "full": len(rows) >= debugger_rows.LIMIT,
        "further": str(further) if further else "",
        "counts": {str(id): it for id, it in counts.items()},
        "fates": {str(id): fate for id, fate in stream.fates(watched).items()},
    }
    if since is None and before is None:
        seconds = stream.by_second(ids, now=now)
        answer["seconds"] = [[at.timestamp(), n] for at, n in seconds.items()]
    return answer


@_door
def detail(request: HttpRequest, asked: Asked, sources: list[Source]) -> dict[str, Any]:
    """One event."""
    ids = [it.id for it in sources]
    return debugger_detail.detail(request, asked.state, asked.id, ids, viewer_of(request), at=timezone.now())


@_door
def find(request: HttpRequest, asked: Asked, sources: list[Source]) -> dict[str, Any]:
    """Where the message of an id is."""
    message_id = asked.message_id.strip()
    if not message_id or len(message_id) > MESSAGE_ID_LENGTH:
        raise ValueError
    viewer, ids = viewer_of(request), [it.id for it in sources]
    found = stream.find(ids, message_id)
    audited(request, "debugger.find", object=("source", asked.source), rows=len(found.stored) + len(found.refused))
    rows = [debugger_rows.of_stored(it, viewer) for it in found.stored]
    rows += [debugger_rows.of_refused(it, viewer) for it in found.refused]
    rows += [debugger_rows.of_waiting(it, viewer) for id in found.waiting for it in peek(ids, 1, id=id)]
    return {"rows": rows, "says": _says(rows, found)}


def _says(rows: list[dict[str, Any]], found: stream.Found) -> str:
    if rows:
        return f"{len(rows)} found."
    if found.month:
        return f"It was accepted and its event is kept, in {found.month:%B %Y}: too far back to be shown here."
    return (
        "No event with this message id is kept: it never came, came to another source, or was denied or suppressed "
        "(those are counted and not kept)."
    )


@_door
def open_values(request: HttpRequest, asked: Asked, sources: list[Source]) -> dict[str, Any]:
    """Opens a person's values for ten minutes, with purpose and reason written down: the reveal of the person's page."""
    until = opened(request, [UUID(asked.profile)], purpose=asked.purpose, reason=asked.reason)
    if isinstance(until, str):
        return {"refused": until}
    return {"until": until.isoformat()}


def urls() -> list[URLPattern]:
    """The addresses below /admin/."""
    wrap = admin.site.admin_view
    return [
        path("data/debugger/", wrap(page), name="console_debugger"),
        path("data/debugger/poll/", wrap(poll), name="console_debugger_poll"),
        path("data/debugger/detail/", wrap(detail), name="console_debugger_detail"),
        path("data/debugger/find/", wrap(find), name="console_debugger_find"),
        path("data/debugger/open/", wrap(open_values), name="console_debugger_open"),
    ]
