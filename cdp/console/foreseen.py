"""What a decision would do, as the pages show it: profiles as they would be, by masked name."""

from collections.abc import Callable
from typing import Any

from cdp.console import names
from cdp.sources import lookup
from identity.decide import Decision, Undecidable
from identity.foresee import foresee
from identity.models import Record


def would(verb: Callable[[], Decision]) -> dict[str, Any]:
    """The profiles that would be other than they are; `fault` where it cannot be decided."""
    try:
        found = foresee(verb)
    except Undecidable as error:
        return {"fault": str(error)}
    called = names.of_profiles([part.row for part in found.parts])
    where = dict(
        Record.objects.filter(id__in={it for part in found.parts for it in part.records}).values_list("id", "source_id")
    )
    sources = lookup.load(set(where.values()))
    parts = [
        {
            "part": part,
            "name": called.get(part.row.id, names.NOBODY),
            "sources": sorted({sources[where[it]].name for it in part.records if where.get(it) in sources}),
        }
        for part in found.parts
    ]
    return {"parts": parts, "gone": found.gone, "refused": found.refused, "nothing": found.nothing}
