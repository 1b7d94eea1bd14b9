"""A steward decides about the records of a person: first the page says what would happen, then it is done."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from cdp.access.principals import actor_of, audited, holds
from cdp.audit import Actor
from cdp.catalogue.identifiers import KINDS
from cdp.console import foreseen, gate
from cdp.console.gate import Person
from identity import decide
from identity.decide import Decision, Undecidable
from identity.models import Constraint, Merge
from identity.profiles import find

Verb = Callable[[Actor, datetime], Decision]
TITLES = {
    "unmerge": "The chosen records are somebody else",
    "join": "The chosen records are certainly one person",
    "part": "These two records are two people",
    "same": "They are one person",
    "undo": "Undo",
    "withdraw": "Take the decision back",
}


def decide_about(request: HttpRequest, person: Person, frame: dict[str, Any], *, at: datetime) -> HttpResponse:
    """Shows what a decision would do; with `sure` in the body, makes it. Raises PermissionDenied, Http404."""
    if not holds(request, "merges:write"):
        raise PermissionDenied
    page = reverse("admin:identity_profile_change", args=[person.id])
    title = TITLES.get(request.POST.get("verb", ""))
    if title is None:
        raise Http404
    try:
        verb, kept = _verb(request, person, at=at)
        if "sure" in request.POST:
            verb(actor_of(request), at)
            messages.success(request, "Done. The decision stays, whatever comes later; the history can undo it.")
            return redirect(f"{page}#history")
    except Undecidable as error:
        messages.warning(request, str(error))
        return redirect(f"{page}#records")
    except Merge.DoesNotExist:
        raise Http404 from None
    would = foreseen.would(request, lambda: verb(actor_of(request), at), at=at)
    audited(
        request, "identity.foresee", object=("profile", person.id), subjects=person.record_ids, fields=["name"],
        purpose=person.purpose, details={"open": would["open"]},
    )  # fmt: skip
    context = {**frame, "title": title, "person": person, "would": would, "kept": kept, "page": page}
    response = render(request, "console/decision.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _verb(request: HttpRequest, person: Person, *, at: datetime) -> tuple[Verb, list[tuple[str, str]]]:
    """The decision that a form asks for, and the fields with which it is asked again. Raises Undecidable, Http404."""
    name = request.POST.get("verb", "")
    chosen = _ids(request.POST.getlist("record"))
    kept = [("verb", name), *(("record", str(id)) for id in chosen)]
    if not set(chosen) <= set(person.record_ids):
        raise Undecidable("Choose records that belong to this profile now; reload it to see which do.")
    if name == "unmerge":
        return lambda by, at: decide.unmerge(person.id, chosen, by=by, at=at), kept
    if name == "join":
        pairs = [(chosen[0], other) for other in chosen[1:]] if chosen else []
        if not pairs:
            raise Undecidable("Choose two records or more.")
        return lambda by, at: decide.join_pairs(pairs, by=by, at=at), kept
    if name == "part":
        if len(chosen) != 2:
            raise Undecidable("Choose exactly two records.")
        return lambda by, at: decide.part(chosen[0], chosen[1], by=by, at=at), kept
    if name == "same":
        other = _other(request, person, at=at)
        return lambda by, at: decide.same_person(person.id, other, by=by, at=at), [*kept, ("other", str(other))]
    [about] = _ids([request.POST.get("about", "")])
    kept.append(("about", str(about)))
    if name == "undo":
        act = Merge.objects.get(pk=about)
        if person.id not in (act.profile_id, *act.others):
            raise Http404
        return lambda by, at: decide.undo(about, by=by, at=at), kept
    found = Constraint.objects.filter(pk=about).first()
    if found is None or not {found.left_id, found.right_id} & set(person.record_ids):
        raise Undecidable("This decision was taken back already.")
    # One decision may have been about many people: what it says of others stands.
    ours = Q(left_id__in=person.record_ids) | Q(right_id__in=person.record_ids)
    together = Constraint.objects.filter(ours, verdict=found.verdict, actor=found.actor, at=found.at)
    pairs = list(together.values_list("left_id", "right_id"))
    return lambda by, at: decide.withdraw(pairs, by=by, at=at), kept


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return list(dict.fromkeys(UUID(text) for text in texts))
    except ValueError:
        raise Http404 from None


def _other(request: HttpRequest, person: Person, *, at: datetime) -> UUID:
    """The other person that is meant: by profile id, or by an identifier, which comes in the body and is kept nowhere."""
    kind, text = request.POST.get("kind", "profile"), request.POST.get("other", "").strip()
    if kind == "profile":
        try:
            found = [UUID(text)]
        except ValueError:
            raise Undecidable("This is no id of a profile: copy it from the other person's page.") from None
    else:
        found = [id for id in find(kind, text, settings.REGION) if id != person.id] if kind in KINDS and text else []
        audited(request, "profile.lookup", object=("profile", ""), rows=len(found), details={"kinds": [kind]})
    if len(found) > 1:
        raise Undecidable(f"{len(found)} other people have this identifier: say which by the id of the profile.")
    other = gate.admit(request, found, at=at).get(found[0]) if found else None
    if other is None:
        raise Undecidable("No other person is known by that.")
    if isinstance(other, gate.Refused):
        gate.deny(request, other.known.id, other.purpose, other.decision, subjects=list(other.known.sources))
        raise Undecidable("That person may not be read for this purpose.")
    if other.id == person.id:
        raise Undecidable("They are one profile already.")
    return other.id
