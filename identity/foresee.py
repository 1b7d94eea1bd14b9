"""What a decision would do: it is carried out and taken back in one transaction, so that the answer is what will happen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from identity import records, regroup
from identity.decide import Decision
from identity.models import Constraint, Link, Profile, Record, Redirect


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
class Unfollowed:
    """A link, or what a person decided, that would not bring two records together. `rules`: what links them; `decided`: a person
    said that they are one; `why` as in `clusters.Clusters.refused`."""

    left: UUID
    right: UUID
    why: str
    rules: tuple[str, ...]
    decided: bool


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a decision: the profiles that would be other than they are, the ids that would lead elsewhere, and the
    links of the records that it is about which would not be followed."""

    parts: tuple[Part, ...]
    gone: tuple[UUID, ...]
    refused: Mapping[str, int]
    unfollowed: tuple[Unfollowed, ...] = ()

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
        unfollowed = _unfollowed(after, done) if done.refused else ()
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
    gone = tuple(sorted({id for id in before.values() if id is not None} - then.keys()))
    return Foreseen(tuple(parts), gone, done.refused, unfollowed)


def _unfollowed(after: Mapping[UUID, UUID | None], done: Decision) -> tuple[Unfollowed, ...]:
    """What does not join the records that were decided about, or those that are a profile with them, in the state of the
    transaction."""
    decided = {record for pair in done.before for record in pair} or set(after)
    homes = {after.get(record) for record in decided}
    near = {record for record, home in after.items() if home in homes}
    refused = {
        (min(pair), max(pair)): why
        for *pair, why in regroup.partition(records.by_id(regroup.reach(near))).refused
        if near.issuperset(pair)
    }
    ends = Q(left_id__in=[left for left, _ in refused], right_id__in=[right for _, right in refused])
    rules: dict[tuple[UUID, UUID], list[str]] = {}
    for left, right, rule in Link.objects.filter(ends).order_by("-weight").values_list("left_id", "right_id", "rule"):
        rules.setdefault((left, right), []).append(rule)
    said = Constraint.objects.filter(ends, verdict=Constraint.Verdict.MUST_LINK)
    joined = set(said.values_list("left_id", "right_id"))
    return tuple(
        Unfollowed(*pair, why, tuple(rules.get(pair, ())), pair in joined) for pair, why in sorted(refused.items())
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
