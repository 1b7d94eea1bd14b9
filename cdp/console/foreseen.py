"""What a decision would do, as the pages show it: profiles as they would be, by masked name."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from cdp.console import gate, names
from cdp.sources import lookup
from identity.decide import Decision, Undecidable
from identity.foresee import Part, foresee
from identity.models import Record


def would(request: HttpRequest, verb: Callable[[], Decision], *, at: datetime) -> dict[str, Any]:
    """The profiles that would be other than they are; `fault` where it cannot be decided. Who does not permit the reader's
    purpose is not named."""
    try:
        found = foresee(verb)
    except Undecidable as error:
        return {"fault": str(error)}
    rows = Record.objects.filter(id__in={it for part in found.parts for it in part.records})
    said = list(rows.values_list("id", "source_id", "profile_id"))
    called = _called(request, found.parts, {id: home for id, _, home in said if home}, at=at)
    where = {id: source for id, source, _ in said}
    sources = lookup.load(set(where.values()))
    parts = [
        {
            "part": part,
            "name": called.get(part.row.id, "withheld"),
            "sources": sorted({sources[where[it]].name for it in part.records if where.get(it) in sources}),
        }
        for part in found.parts
    ]
    return {"parts": parts, "gone": found.gone, "refused": found.refused, "nothing": found.nothing}


def _called(request: HttpRequest, parts: Sequence[Part], homes: dict[UUID, UUID], *, at: datetime) -> dict[UUID, str]:
    """The masked names of those parts whose records are, today, all of people who may be read."""
    people = gate.admit(request, set(homes.values()), at=at)
    refused = {it for it, home in homes.items() if not isinstance(people.get(home), gate.Person)}
    return names.of_profiles(part.row for part in parts if refused.isdisjoint(part.records))
