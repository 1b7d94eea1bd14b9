"""What a decision would do, as the pages show it: profiles as they would be, by name as far as the reader may see it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from cdp.console import gate, names, shown
from cdp.console.gate import Person, Refused
from cdp.sources import lookup
from identity.clusters import CAP
from identity.decide import Decision, Undecidable
from identity.foresee import Part, Unfollowed, foresee
from identity.models import Record

_LINES = 6  # links that are not followed and are told one by one
REFUSED = {
    "cannot_link": "a decision keeps records of the two apart",
    "veto": "what their records say of name or birth date contradicts",
    "doubt": "their source keeps them apart, and no name outweighs that",
    "unlike": "as wholes the two are not alike enough",
    "size": f"together they would be more than {CAP} records",
}
People = Mapping[UUID, Person | Refused]


def would(request: HttpRequest, verb: Callable[[], Decision], *, at: datetime) -> dict[str, Any]:
    """The profiles that would be other than they are; `fault` where it cannot be decided; `open`: are names shown in clear? Who
    does not permit the reader's purpose is not named."""
    try:
        found = foresee(verb)
    except Undecidable as error:
        return {"fault": str(error), "open": False}
    apart = {id for it in found.unfollowed for id in (it.left, it.right)}
    rows = Record.objects.filter(id__in=apart.union(*(part.records for part in found.parts)))
    said = list(rows.values_list("id", "source_id", "profile_id"))
    homes = {id: home for id, _, home in said if home}
    people = gate.admit(request, set(homes.values()), at=at)
    clear = _clear(found.parts, homes, people)
    called = _called(found.parts, homes, people, clear)
    where = {id: source for id, source, _ in said}
    sources = {id: source.name for id, source in lookup.load(set(where.values())).items()}
    parts = [
        {
            "part": part,
            "name": called.get(part.row.id, "withheld"),
            "sources": sorted({sources[where[it]] for it in part.records if where.get(it) in sources}),
        }
        for part in found.parts
    ]
    labels = {id: f"a record of {sources.get(where[id], 'a source')}" for id in apart & where.keys()} | _labels(people)
    return {
        "parts": parts,
        "gone": found.gone,
        "unfollowed": [_line(it, labels) for it in found.unfollowed[:_LINES]],
        "more": max(0, len(found.unfollowed) - _LINES),
        "nothing": found.nothing,
        "open": bool(clear),
    }


def _line(it: Unfollowed, labels: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "rules": it.rules, "decided": it.decided, "because": REFUSED.get(it.why, it.why),
        "left": labels.get(it.left, "a record"), "right": labels.get(it.right, "a record"),
    }  # fmt: skip


def _labels(people: People) -> dict[UUID, str]:
    """Records of people who may be read, in a few words."""
    return {
        it.id: f"{it.source} {shown.key(it, open=one.open)} ({it.first_seen:%-d %b %Y})"
        for one in people.values()
        if isinstance(one, Person)
        for it in one.known.records
    }


def _clear(parts: Sequence[Part], homes: Mapping[UUID, UUID], people: People) -> set[UUID]:
    """The parts of which all records are, today, of people whom the reader revealed."""
    closed = {it for it, home in homes.items() if not getattr(people.get(home), "open", False)}
    return {part.row.id for part in parts if part.records and closed.isdisjoint(part.records)}


def _called(parts: Sequence[Part], homes: Mapping[UUID, UUID], people: People, clear: set[UUID]) -> dict[UUID, str]:
    """The names of those parts whose records are, today, all of people who may be read."""
    refused = {it for it, home in homes.items() if not isinstance(people.get(home), Person)}
    return names.of_profiles((part.row for part in parts if refused.isdisjoint(part.records)), open=clear)
