"""The gate that every read of a person goes through: who is it now, is it permitted for this purpose, how much is open.

What passes is written down by whoever shows it (`note`), with the names of the fields; what does not, here.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from django.http import Http404

from cdp.access.masking import HIDDEN
from cdp.access.principals import audited, purpose_of, sources_of
from cdp.console import belonging, reveal
from cdp.console.belonging import Belongings
from cdp.database.together import together
from consent import by_profile, rules
from consent.by_profile import Standing
from consent.refusal import NotPermitted
from consent.rules import Decision
from identity import known
from identity.history import resolve_id
from identity.known import Known
from identity.models import Redirect


@dataclass(frozen=True, slots=True)
class Person:
    """A profile that may be read. `asked`: the id that was asked for (not the profile's own after a merge). `open`: the
    reader sees identifying values in clear. `only`: the sources that the reader's key is limited to. `standing`: what is
    permitted, for every purpose."""

    known: Known
    asked: UUID
    purpose: str
    open: bool
    only: frozenset[UUID] | None
    standing: Standing
    belongings: Belongings

    @property
    def id(self) -> UUID:
        """Of the profile."""
        return self.known.id

    @property
    def decisions(self) -> dict[str, Decision]:
        """What is permitted, by purpose."""
        return self.standing.decisions

    @property
    def moved(self) -> bool:
        """Was it merged into another since?"""
        return self.asked != self.known.id

    @property
    def record_ids(self) -> list[UUID]:
        """Its records: the subjects of its audit entries."""
        return list(self.known.sources)

    def sees(self, source_id: UUID) -> bool:
        """Is the source within the reader's limits?"""
        return self.only is None or source_id in self.only


@dataclass(frozen=True, slots=True)
class Refused:
    """A profile that the reader may not read for this purpose."""

    known: Known
    purpose: str
    decision: Decision


def profile_id_of(profile_id: UUID) -> UUID:
    """The id of the profile that answers for an id, also for one that was merged away. Raises Http404."""
    found = resolve_id(profile_id)
    if found is None:
        raise Http404
    return found


def admit(
    request: Any, profile_ids: Collection[UUID], *, at: datetime, revealed: bool = True
) -> dict[UUID, Person | Refused]:
    """Who is behind these ids for this reader: one round trip for all of them, one to the vault, two more where an id was
    merged away. Ids of nobody, and of people outside the limits of the reader's key, are absent. Writes nothing down.

    `revealed`: what a steward revealed stands open. Not in a list: there people are read for one purpose."""
    found = _admit(request, {id: id for id in profile_ids}, at=at, revealed=revealed)
    missing = [id for id in profile_ids if id not in found]
    if missing:
        moved = dict(Redirect.objects.filter(pk__in=missing).values_list("old_id", "new_id"))
        found |= _admit(request, moved, at=at, revealed=revealed) if moved else {}
    return found


def _admit(request: Any, asked: Mapping[UUID, UUID], *, at: datetime, revealed: bool) -> dict[UUID, Person | Refused]:
    """`asked`: the id asked for -> the profile's."""
    only, ids = sources_of(request), list(dict.fromkeys(asked.values()))
    read = together(*known.statements(ids), *by_profile.statements(ids), belonging.statement(ids))
    profiles = known.known(read[:3])
    standings = by_profile.standings(profiles, read[3:5], at=at)
    found: dict[UUID, Person | Refused] = {}
    for id, profile_id in asked.items():
        one = profiles.get(profile_id)
        if one is None or (only is not None and only.isdisjoint(one.sources.values())):
            continue  # outside the limits of this key there is nobody
        granted = reveal.granted(request, profile_id, at=at) if revealed else None
        standing = standings[profile_id]
        purpose = granted or purpose_of(request)
        decision = standing.decisions.get(purpose, rules.UNKNOWN)
        if not decision.allowed:
            found[id] = Refused(one, purpose, decision)
            continue
        held = belonging.belongings(profile_id, read[5], standing.decisions, at=at)
        found[id] = Person(one, id, purpose, reveal.opens(request, granted), only, standing, held)
    return found


def enter(request: Any, profile_id: UUID, *, at: datetime) -> Person:
    """The person behind a profile id, for this reader. Raises Http404, and NotPermitted (which is written down)."""
    found = admit(request, [profile_id], at=at).get(profile_id)
    if found is None:
        raise Http404
    if isinstance(found, Refused):
        refuse(request, found.known.id, found.purpose, found.decision, subjects=list(found.known.sources))
    return found


def refuse(request: Any, profile_id: UUID, purpose: str, decision: Decision, *, subjects: Collection[UUID]) -> NoReturn:
    """Writes the denial down and raises NotPermitted."""
    deny(request, profile_id, purpose, decision, subjects=subjects)
    raise NotPermitted(purpose, decision)


def deny(request: Any, profile_id: UUID, purpose: str, decision: Decision, *, subjects: Collection[UUID]) -> None:
    """Writes down that a person was not read."""
    audited(
        request,
        "profile.read",
        object=("profile", profile_id),
        subjects=subjects,
        purpose=purpose,
        outcome="denied",
        rows=0,
        details={"because": decision.code},
    )


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
        subjects=person.record_ids if subjects is None else subjects,
        fields=names,
        purpose=person.purpose,
        details=details,
        **more,
    )
