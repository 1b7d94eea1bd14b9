"""The history of merges and decisions in words: who, why, by whom; names as far as the reader may see them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from cdp.access.principals import audited, holds, purpose_of
from cdp.console import names
from cdp.console.together import actors
from cdp.sources import lookup
from consent.permits import permits_profiles
from identity import records
from identity.models import Merge, Profile, Record, Redirect

_RULES = {"similar": "likeness", "must_link": "by hand"}


@dataclass(frozen=True, slots=True)
class Told:
    """A row in words. `called`: masked names by profile, empty for who may not see people; `person`, `other`: profiles of
    today."""

    called: dict[UUID, str]
    person: UUID | None
    other: UUID | None = None
    who: str = ""
    what: str = ""
    why: str = ""
    sources: Sequence[str] = field(default=("", ""))

    @property
    def name(self) -> str:
        """Of the person, "" where it is withheld."""
        return self.called.get(self.person, "") if self.person else ""

    @property
    def other_name(self) -> str:
        """The same of the other."""
        return self.called.get(self.other, "") if self.other else ""


def tell(request: HttpRequest, rows: Iterable[Any], *, at: datetime) -> None:
    """Gives merges and splits their words, in `told`."""
    rows = list(rows)
    now = _today({id for row in rows for id in (row.profile_id, *row.others)})
    called, who = _called(request, set(now.values()), at=at), actors([row.actor for row in rows])
    moved = dict(
        Record.objects.filter(id__in={id for row in rows for id in row.records}).values_list("id", "source_id")
    )
    sources = lookup.load(set(moved.values()))
    for row in rows:
        person = now.get(row.profile_id)
        others = [now[id] for id in row.others if id in now and now[id] != person]
        said = sorted({sources[moved[id]].name for id in row.records if moved.get(id) in sources})
        row.told = Told(called, person, others[0] if others else None, who[row.actor], what(row, said), why(row))


def what(row: Merge, sources: Sequence[str]) -> str:
    """What happened, in words."""
    n, of = len(row.records), f" of {', '.join(sources)}" if sources else ""
    return f"{n} record{'s' if n != 1 else ''}{of} {'joined' if row.kind == Merge.Kind.MERGED else 'parted'}"


def why(row: Merge) -> str:
    """The links or the decision behind it, in words."""
    pairs = len(row.because.get("constraints", ()))
    if pairs:
        return f"decided by a person about {pairs} pair{'s' if pairs > 1 else ''} of records"
    said = [
        f"{_RULES.get(rule, rule.replace('_', ' '))}{f' ×{n}' if n > 1 else ''}"
        for rule, n in row.because.get("links", {}).items()
    ]
    return ", ".join(said) or "a link or a decision was taken back"


def records_of(row: Merge) -> list[dict[str, Any]]:
    """The records that moved and are still there: source, since when."""
    found = records.by_id(row.records)
    sources = lookup.load({rec.source_id for rec in found.values()})
    return [
        {"source": sources[rec.source_id].name if rec.source_id in sources else "", "since": rec.first_seen}
        for rec in sorted(found.values(), key=lambda rec: rec.first_seen)
    ]


def tell_decisions(request: HttpRequest, rows: Iterable[Any], *, at: datetime) -> None:
    """Gives decisions their words, in `told`."""
    rows = list(rows)
    ids = {id for row in rows for id in (row.left_id, row.right_id)}
    known = Record.objects.filter(id__in=ids).values_list("id", "profile_id", "source_id")
    homes = {id: (home, source) for id, home, source in known}
    sources = lookup.load({source for _, source in homes.values()})
    called = _called(request, {home for home, _ in homes.values() if home}, at=at)
    who = actors([row.actor for row in rows])
    for row in rows:
        sides = [homes.get(id, (None, None)) for id in (row.left_id, row.right_id)]
        said = [sources[source].name if source in sources else "" for _, source in sides]
        row.told = Told(called, sides[0][0], sides[1][0], who[row.actor], sources=said)


def _today(ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Profiles of any time -> what they are today; those that are gone are absent."""
    later = dict(Redirect.objects.filter(old_id__in=ids).values_list("old_id", "new_id"))
    there = set(Profile.objects.filter(id__in={later.get(id, id) for id in ids}).values_list("id", flat=True))
    return {id: later.get(id, id) for id in ids if later.get(id, id) in there}


def _called(request: HttpRequest, ids: Collection[UUID], *, at: datetime) -> dict[UUID, str]:
    """Masked names of those who permit the reader's purpose."""
    if not ids or not holds(request, "profiles:read"):
        return {}
    allowed = permits_profiles(list(ids), purpose_of(request), at=at)
    rows = list(Profile.objects.filter(id__in=[id for id in ids if id in allowed and allowed[id].allowed]))
    audited(request, "merge.list", object=("merge", ""), fields=["name"], rows=len(rows))
    return names.of_profiles(rows) or dict.fromkeys(ids, "withheld")
