"""What a decision would do: it is carried out and taken back in one transaction, so that the answer is what will happen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from identity.decide import Decision
from identity.models import Profile, Record, Redirect


@dataclass(frozen=True, slots=True)
class Part:
    """A profile as it would be. `id` None: a new one; `back`: its id leads to another profile today. `came`, `left`: records
    that it has not now, and that it would lose. `traits`: declared attributes whose golden value would be another."""

    id: UUID | None
    back: bool
    row: Profile
    records: tuple[UUID, ...]
    came: tuple[UUID, ...]
    left: tuple[UUID, ...]
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a decision: the profiles that would be other than they are, and the ids that would lead elsewhere."""

    parts: tuple[Part, ...]
    gone: tuple[UUID, ...]
    refused: Mapping[str, int]

    @property
    def nothing(self) -> bool:
        """Nobody's records would move: the decision would only be remembered."""
        return not self.parts and not self.gone


def foresee(verb: Callable[[], Decision]) -> Foreseen:
    """Says what a verb of `identity.decide` would do, and does nothing. Raises what the verb raises."""
    with transaction.atomic():
        done = verb()
        after = dict(Record.objects.filter(profile_id__in=done.profiles).values_list("id", "profile_id"))
        then = {row.id: row for row in Profile.objects.filter(id__in=set(after.values()))}
        transaction.set_rollback(True)
    before = dict(Record.objects.filter(id__in=after).values_list("id", "profile_id"))
    now = {row.id: row for row in Profile.objects.filter(id__in={*before.values(), *then})}
    redirected = set(Redirect.objects.filter(old_id__in=then).values_list("old_id", flat=True))
    parts = []
    for id, row in sorted(then.items()):
        inside = {record for record, home in after.items() if home == id}
        had = {record for record, home in before.items() if home == id}
        if inside == had:
            continue
        came, left = tuple(sorted(inside - had)), tuple(sorted(had - inside))
        known, back = now.get(id), id in redirected
        lasting = id if known or back else None
        parts.append(Part(lasting, back, row, tuple(sorted(inside)), came, left, _others(known, row)))
    return Foreseen(
        tuple(parts), tuple(sorted({id for id in before.values() if id is not None} - then.keys())), done.refused
    )


def _others(now: Profile | None, then: Profile) -> tuple[str, ...]:
    """Declared attributes of a profile whose value comes from elsewhere, or is another."""
    if now is None:
        return ()
    names = {*now.provenance, *then.provenance, *now.facts, *then.facts}
    return tuple(
        sorted(
            name
            for name in names
            if now.facts.get(name) != then.facts.get(name) or now.provenance.get(name) != then.provenance.get(name)
        )
    )
