"""The quality page's list of profiles that may be several people: rows in order of what contradicts, and the way to compare."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from cdp.access.principals import actor_of, holds
from cdp.console.together import actors
from identity import quality
from identity.models import Record, Review, Suspect
from identity.suspects import LINE

_SHOWN = 20
REASONS = {
    "given_names": "given names", "birth_dates": "birth dates", "family_names": "family names", "suffixes": "suffixes",
    "national_ids": "national numbers", "verified_ids": "ids of one source", "suffix": "one side alone is Jr or Sr",
    "contacts": "no shared mailbox or phone",
    "records": "records", "weak_link": "bits in its weakest link", "likeness": "bits beside name and place",
}  # fmt: skip
_PLAIN = {"contacts", "suffix"}  # true or not: their numbers say nothing
Named = Callable[[Sequence[UUID]], dict[UUID, dict[str, Any]]]


def listing(request: HttpRequest, named: Named) -> dict[str, Any]:
    """A page of the list: the strong contradictions, or with `weak` in the address the others. named: profiles by id."""
    every = _standing()
    weak, reason = "weak" in request.GET, request.GET.get("reason", "")
    shown = every.filter(weight__lt=LINE) if weak else every.filter(weight__gte=LINE)
    kinds = [(key, words, shown.filter(reasons__has_key=key).count()) for key, words in REASONS.items()]
    chosen = reason if reason in REASONS else ""
    rows = shown.filter(reasons__has_key=chosen) if chosen else shown
    page = Paginator(rows.order_by("-weight", "profile_id"), _SHOWN).get_page(request.GET.get("page"))
    return {
        "page": page,
        "count": every.filter(weight__gte=LINE).count(),
        "others": every.filter(weight__lt=LINE).count(),
        "weak": weak,
        "reason": chosen,
        "kinds": [{"key": key, "words": words, "n": n} for key, words, n in kinds if n],
        "rows": _rows(list(page.object_list), named),
    }


def _standing() -> QuerySet[Suspect]:
    """Those about whom nobody said that they are one person, without those who were parted since the last look."""
    inside = [
        Exists(Record.objects.filter(id=OuterRef(side), profile_id=OuterRef("profile_id")))
        for side in ("left_id", "right_id")
    ]
    return Suspect.objects.filter(Q(left_id=None) | Q(*inside), cleared_by="")


def _rows(found: Sequence[Suspect], named: Named) -> list[dict[str, Any]]:
    called = named([it.profile_id for it in found])
    who = actors({actor for it in found for actor in it.joined.get("by", ())})
    asked = Review.objects.filter(left_id__in=[it.left_id for it in found]).values_list("left_id", "right_id", "id")
    questions = {(left, right): id for left, right, id in asked}
    return [
        {
            "it": it,
            **called.get(it.profile_id, {"name": "withheld", "records": "–"}),
            "reasons": [(REASONS.get(name, name), "" if name in _PLAIN else n) for name, n in _in_order(it.reasons)],
            "joined": sorted(it.joined.get("rules", {}).items(), key=lambda rule: -rule[1]),
            "by": [who[actor] for actor in it.joined.get("by", ())],
            "review": questions.get((it.left_id, it.right_id)) if it.left_id and it.right_id else None,
            "percent": round(100 / (1 + 2.0**-it.weight)),
        }
        for it in found
    ]


def _in_order(reasons: dict[str, int]) -> Iterable[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda it: list(REASONS).index(it[0]) if it[0] in REASONS else len(REASONS))


def compare(request: HttpRequest) -> HttpResponseRedirect:
    """Side by side, the two records of a suspect that contradict each other most: asked now where nobody asked yet."""
    if not holds(request, "merges:write"):
        raise PermissionDenied
    try:
        asked = quality.question(UUID(request.POST.get("profile", "")), by=actor_of(request), at=timezone.now())
    except (ValueError, LookupError):
        messages.warning(request, "It is not on the list any more.")
        return redirect("admin:console_quality")
    return redirect(f"{reverse('admin:identity_review_change', args=[asked.id])}?reason={asked.reason}")
