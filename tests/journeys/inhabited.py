"""A world with one of everything, so that requests made up at random meet something."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import schemathesis

from cdp.audit import SYSTEM
from cdp.audit.models import Entry
from cdp.audit.sequencer import sequence
from cdp.connectors.models import Run
from consent.models import Purpose
from consent.purposes import publish_notice
from identity import decide
from identity.models import Constraint, Merge, Record
from segments.define import define
from segments.models import Segment
from tests.groups.conftest import Groups

# The name of a path parameter, where it does not stand for the room itself.
_PARAMETERS = {
    "profile_id": "profiles",
    "group_id": "groups",
    "source_id": "sources",
    "segment_id": "segments",
    "run_id": "runs",
    "sequence": "entries",
}


@dataclass
class Ids:
    """Ids of what there is, by the first part of its path, and how many requests were made."""

    known: dict[str, UUID | int]
    made: int = field(default=0)

    def put_into(self, case: schemathesis.Case) -> None:
        """Replaces well-formed made-up ids by known ones, except in every fourth request."""
        self.made += 1
        if self.made % 4 == 0:
            return
        room = case.path.removeprefix("/api/v1/").partition("/")[0]
        for name, value in dict(case.path_parameters or {}).items():
            known = self.known.get(_PARAMETERS.get(name, room))
            if known is not None and _is_id(value):
                case.path_parameters[name] = str(known)


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return isinstance(value, int)
    return True


def dutch() -> Segment:
    """A segment with Alice in it."""
    return define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=datetime.now(UTC), key="dutch")


def inhabit(groups: Groups) -> Ids:
    """Adds a segment, a notice, a merge that was undone, a run and a log to two people in groups."""
    world = groups.world
    now = datetime.now(UTC)
    segment = dutch()
    notice = publish_notice("news", version="1", language="en", text="We write you.", by=SYSTEM)
    hers, his = (Record.objects.filter(profile_id=id).order_by("id")[0] for id in (world.alice, world.bob))
    decide.must_link(hers.id, his.id, by=SYSTEM, at=now)
    merge = Merge.objects.latest("id")
    decide.undo(merge.pk, by=SYSTEM, at=now)
    decide.cannot_link(hers.id, his.id, by=SYSTEM, at=now)
    run = Run.objects.create(source_id=world.shop.id, fingerprint=uuid4(), label_sealed=b"")
    sequence()
    return Ids(
        {
            "profiles": world.alice,
            "groups": groups.acme,
            "sources": world.shop.id,
            "segments": segment.pk,
            "notices": notice.pk,
            "purposes": Purpose.objects.get(key="news").pk,
            "merges": merge.pk,
            "constraints": Constraint.objects.latest("id").pk,
            "runs": run.pk,
            "entries": Entry.objects.latest("sequence").pk,
        }
    )
