"""The gate that every read of a person goes through: who is it now, is it permitted for this purpose, how much is open.

What passes is written down by whoever shows it (`note`), with the names of the fields; what does not, here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404

from cdp.access.masking import HIDDEN
from cdp.access.principals import audited, purpose_of, sources_of
from cdp.access.problems import Problem
from cdp.console import reveal
from consent import rules
from consent.permits import Decision, permits_purposes
from identity.models import Profile, Record, Redirect


class NotPermitted(Problem):
    """403: the person's consents do not permit the reader's purpose. Says why, and nothing of the person."""

    def __init__(self, purpose: str, decision: Decision) -> None:
        super().__init__(
            403,
            "not_permitted",
            "This person may not be read for this purpose",
            decision.because,
            remedy="See the person's consents; read for a purpose that is permitted, or not at all.",
        )
        self.purpose, self.decision = purpose, decision


@dataclass(frozen=True, slots=True)
class Person:
    """A profile that may be read. `asked`: the id that was asked for (not the profile's own after a merge). `open`: the
    reader sees identifying values in clear. `only`: the sources that the reader's key is limited to. `decisions`: what is
    permitted, for every purpose."""

    profile: Profile
    asked: UUID
    purpose: str
    open: bool
    only: frozenset[UUID] | None = None
    decisions: dict[str, Decision] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """Of the profile."""
        return self.profile.id

    @property
    def moved(self) -> bool:
        """Was it merged into another since?"""
        return self.asked != self.profile.id

    def sees(self, source_id: UUID) -> bool:
        """Is the source within the reader's limits?"""
        return self.only is None or source_id in self.only


def profile_of(profile_id: UUID) -> Profile:
    """The profile that answers for an id, also for one that was merged away. Raises Http404."""
    found = Profile.objects.filter(pk=profile_id).first()
    if found is None:
        target = Redirect.objects.filter(pk=profile_id).values_list("new_id", flat=True).first()
        found = Profile.objects.filter(pk=target).first() if target else None
    if found is None:
        raise Http404
    return found


def enter(request: Any, profile_id: UUID, *, at: datetime) -> Person:
    """The person behind a profile id, for this reader. Raises Http404, and NotPermitted (which is written down)."""
    profile = profile_of(profile_id)
    only = sources_of(request)
    if only is not None and not Record.objects.filter(profile_id=profile.id, source_id__in=only).exists():
        raise Http404  # outside the limits of this key there is nobody
    granted = reveal.granted(request, profile.id, at=at)
    purpose = granted or purpose_of(request)
    decisions = permits_purposes(profile.id, at=at)
    decision = decisions.get(purpose, rules.UNKNOWN)
    if not decision.allowed:
        refuse(request, profile.id, purpose, decision)
    return Person(profile, profile_id, purpose, reveal.opens(request, granted), only, decisions)


def refuse(request: Any, profile_id: UUID, purpose: str, decision: Decision) -> None:
    """Writes the denial down and raises NotPermitted."""
    audited(
        request,
        "profile.read",
        object=("profile", profile_id),
        subjects=record_ids(profile_id),
        purpose=purpose,
        outcome="denied",
        rows=0,
        details={"because": decision.code},
    )
    raise NotPermitted(purpose, decision)


def record_ids(profile_id: UUID) -> list[UUID]:
    """The records of a profile: the subjects of its audit entries."""
    return list(Record.objects.filter(profile_id=profile_id).values_list("id", flat=True))


def note(
    request: Any,
    person: Person,
    action: str = "profile.read",
    *,
    fields: Iterable[str] = (),
    subjects: Collection[UUID] | None = None,
    **more: Any,
) -> None:
    """Writes down that a person was read: which fields, for which purpose, in clear or masked."""
    names = sorted({name for name in fields if name != HIDDEN})
    details = {"open": person.open, **more.pop("details", {})}
    audited(
        request,
        action,
        object=("profile", person.id),
        subjects=record_ids(person.id) if subjects is None else subjects,
        fields=names,
        purpose=person.purpose,
        details=details,
        **more,
    )
