"""Before a version of the matching model is put in force, or none is: what that would change, and both versions side by side."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cdp.access.principals import audited, holds
from identity.models import Link, MatchModel, Record

_NAMED = 10  # of those that would merge, and of those that would split, so many are shown
_GROWN = 0.01  # a comparison with a base that has since changed by a larger share is old
_State = MatchModel.State
Named = Callable[[Sequence[UUID]], dict[UUID, dict[str, Any]]]


def page(request: HttpRequest, version: int, named: Named) -> HttpResponse:
    """Asks whether a version is to be put in force, or, where it is, no longer. named: profiles by id, as the reader may see
    them. Raises Http404, PermissionDenied."""
    if not holds(request, "merges:write"):
        raise PermissionDenied
    row = MatchModel.objects.filter(version=version, state__in=(_State.TRAINED, _State.RETIRED, _State.ACTIVE)).first()
    if row is None:
        raise Http404
    live, at = MatchModel.objects.filter(state=_State.ACTIVE).first(), timezone.now()
    found = row.comparison if row.state != _State.ACTIVE else None
    merging = [[UUID(id) for id in ids] for ids in (found or {}).get("merging_sample", ())[:_NAMED]]
    parting = [UUID(id) for id in (found or {}).get("parting_sample", ())[:_NAMED]]
    shown = named([*(id for ids in merging for id in ids), *parting])
    audited(request, "matching.foresee", object=("match_model", row.id), fields=["name"], rows=len(shown))

    def called(id: UUID) -> dict[str, Any]:
        return {"id": id, "name": shown.get(id, {}).get("name", "withheld")}

    context = {
        **admin.site.each_context(request),
        "title": f"Use version {version}?" if row.state != _State.ACTIVE else f"Stop using version {version}?",
        "row": row,
        "versions": [_version(it) for it in (live, row) if it is not None] if live != row else [_version(row)],
        "live": live,
        "found": found,
        "made": datetime.fromisoformat(found["at"]) if found else None,
        "old": _old(found, live) if found else "",
        "merging": [[called(id) for id in ids] for ids in merging],
        "parting": [called(id) for id in parting],
        "links": Link.objects.filter(rule="similar").count(),
        "now": at,
    }
    response = render(request, "console/activation.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _version(it: MatchModel) -> dict[str, Any]:
    """A version as a column of the table."""
    return {"it": it, "labels": it.summary.get("labels", 0), **it.summary.get("estimated", {})}


def _old(found: dict[str, Any], live: MatchModel | None) -> str:
    """Why a comparison is not one with the base of today; "" if it is."""
    if live is not None and live.activated_at and live.activated_at > datetime.fromisoformat(found["at"]):
        return f"version {live.version} was put in force after it was made"
    then, now = int(found["of"]), Record.objects.count()
    if abs(now - then) > _GROWN * max(then, 1):
        return f"there were {then:,} records then, and are {now:,} now"
    return ""
