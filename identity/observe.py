"""Observations into records, evidence, links, clusters and golden records: in sets, never a query per row.

In two steps, so that little happens under the lock: `begin` says which records are known and makes keys for the others, `settle`
decides. What a caller writes of known records it can write in between.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from cdp import audit, metrics
from cdp.ids import uuid7
from cdp.vault import keys
from identity import locks, prepare, profilerows, records, regroup, relink, traits
from identity.linking import active
from identity.linking.settled import NOTHING, Settled
from identity.prepare import Folded, Observation, digests_of
from identity.records import Glimpse, Rec

__all__ = ["Begun", "Observation", "Resolution", "begin", "digests_of", "observe", "settle"]

Place = tuple[UUID, UUID]


class Resolution(Struct, frozen=True):
    """Whom an observation is about. `changed`: its profile is new or moved."""

    record_id: UUID
    profile_id: UUID
    changed: bool


@dataclass(slots=True)
class Begun:
    """Observations folded by record, and what is known of these records. `places`: each observation's record."""

    folded: dict[Place, Folded]
    places: list[Place]
    known: dict[Place, Glimpse]
    drafts: dict[Place, UUID]  # ids, with keys, for records that are not known

    @property
    def record_ids(self) -> list[UUID | None]:
        """Each observation's record, None where it is new."""
        known = {place: it.id for place, it in self.known.items()}
        return [known.get(place) for place in self.places]


# Ids with keys that were drafted for records which another process made first. They serve the next new ones.
_spare: list[UUID] = []


def observe(observations: Sequence[Observation], *, at: datetime, actor: str = "pipeline") -> list[Resolution]:
    """Resolves up to a few thousand observations, in the caller's transaction; one resolution each, in their order.

    Tells `consent` and the outbox of every profile that changed."""
    return settle(begin(observations), at=at, actor=actor)


def begin(observations: Sequence[Observation]) -> Begun:
    """What is known of the records that are observed: one query, no lock. The others' keys are made now, for the vault's
    commit waits for its disk."""
    folded, places = prepare.fold(observations)
    known = records.glimpses({place: one.values for place, one in folded.items()})
    new = [place for place in folded if place not in known]
    ids = [_spare.pop() if _spare else uuid7() for _ in new]
    keys.create(ids)
    return Begun(folded, places, known, dict(zip(new, ids, strict=True)))


def settle(begun: Begun, *, at: datetime, actor: str = "pipeline") -> list[Resolution]:
    """Decides what has begun; a resolution of each observation. Silent records that say nothing new cost nothing. All else
    happens under the identity lock, so that every decision sees all that was decided before."""
    known = begun.known
    dirty = {place: one for place, one in begun.folded.items() if one.said or _is_news(one, known.get(place))}
    whose = {place: (it.id, it.profile_id) for place, it in known.items()}
    changed: set[UUID] = set()
    if dirty:
        stored = _stored(dirty)
        settled, changed = _settle(dirty, stored, begun.drafts, at=at, actor=actor)
        whose |= {place: (rec.id, rec.profile_id) for place, rec in settled.items()}
        _spare.extend(begun.drafts[place] for place in stored if place in begun.drafts)
    made: dict[Place, Resolution] = {}
    for place in begun.folded:
        record_id, profile_id = whose[place]
        if profile_id is None:
            raise LookupError(f"record {record_id} has no profile")
        made[place] = Resolution(record_id, profile_id, profile_id in changed)
    return [made[place] for place in begun.places]


def _is_news(one: Folded, known: Glimpse | None) -> bool:
    """Whether identifiers alone say something new of a record."""
    if known is None or one.first_seen < known.first_seen:
        return True
    for digest, (_, since) in one.values.items():
        seen = known.seen.get(digest)
        if seen is None or since < seen:
            return True
    return False


def _stored(places: Collection[Place]) -> dict[Place, Rec]:
    """Takes the lock; the stored records at these places as they are from then on, opened, with their evidence."""
    (rows,) = locks.take(records.at_places(places))
    found = {rec.order: rec for rec in records.opened_all(rows)}
    records.load_evidence(found.values())
    return found


@dataclass(slots=True)
class _News:
    """What a call writes and whom it stirs."""

    new: list[Rec] = field(default_factory=list)
    altered: list[Rec] = field(default_factory=list)
    evidence: list[tuple[UUID, int, UUID, str, datetime]] = field(default_factory=list)
    lowered: list[tuple[UUID, UUID, datetime]] = field(default_factory=list)
    junk: dict[UUID, tuple[int, int]] = field(default_factory=dict)  # digest -> (kind, new holders)
    ask: set[UUID] = field(default_factory=set)  # values whose links must be decided anew
    start: set[UUID] = field(default_factory=set)  # known records that changed
    regrouped: set[UUID] = field(default_factory=set)  # records with other identifiers than before


def _settle(
    dirty: dict[Place, Folded], stored: dict[Place, Rec], drafts: dict[Place, UUID], *, at: datetime, actor: str
) -> tuple[dict[Place, Rec], set[UUID]]:
    """Writes what is new; the records concerned, and the profiles that changed. Under the lock."""
    news = _News()
    recs = {place: _merge(one, stored.get(place) or _new(one, drafts.get(place)), news) for place, one in dirty.items()}
    held = keys.create([rec.id for rec in news.new])
    held |= keys.load({rec.id for rec in news.altered} | {row[0] for row in news.evidence} - held.keys())
    declared = profilerows.declared_names()
    records.insert(news.new, held, declared)
    records.update(news.altered, held, declared)
    records.insert_evidence(news.evidence, held)
    records.lower_evidence(news.lowered)
    relink.retire((kind, digest, "junk", count) for digest, (kind, count) in news.junk.items())

    ask = news.ask - news.junk.keys()
    holders, dead = relink.holders_of(ask)
    _count_more(dead, news)
    memory = {rec.id: rec for rec in recs.values()}
    linked = relink.relink(holders, memory)
    alike = _alike(memory, recs.values(), linked, at=at)
    start = news.start | linked.touched | alike.touched
    alone = [rec.id for rec in news.new if rec.id not in start]
    result = regroup.regroup(
        memory, start, alone, regrouped=news.regrouped | linked.freed, at=at, actor=actor, prepared=alike.prepared
    )
    _record(news, linked, alike, result)
    return recs, result.changed


def _alike(memory: dict[UUID, Rec], dirty: Iterable[Rec], linked: relink.Relinked, *, at: datetime) -> Settled:
    """Whom the records are like, where a model is in force: those that were observed, and those that hold a value which from
    now on links nobody, so that it is no likeness either."""
    model = active.current()
    if model is None:
        return NOTHING
    from identity.linking import settle

    stirred = {rec.id: rec for rec in dirty} | relink.having(linked.gone, memory)
    return settle.settle(model, stirred, at=at)


def _new(one: Folded, draft: UUID | None) -> Rec:
    """A record to be made. Without a draft it was known a moment ago, and has been erased since."""
    return Rec(draft or uuid7(), one.source_id, one.key.kind, one.key.digest, uuid7(), one.first_seen, {}, {}, new=True)


def _merge(one: Folded, rec: Rec, news: _News) -> Rec:
    """Merges what a batch says of one record into it, in memory."""
    if rec.new:
        news.new.append(rec)
    _ = rec.person  # read before the merge, so that `renamed` can tell
    moved = [traits.take(rec.facts, rec.sealed, said) for said in one.said]
    if one.first_seen < rec.first_seen:
        rec.first_seen = one.first_seen
        moved.append(True)
    if any(moved) and not rec.new:
        news.altered.append(rec)
        news.start.add(rec.id)
    renamed = rec.renamed() if any(moved) else False
    if renamed and not rec.new:
        news.ask |= rec.evidence.keys()
    for digest, (value, since) in one.values.items():
        known = rec.evidence.get(digest)
        if known is None:
            news.evidence.append((rec.id, value.kind, digest, value.spelt, since))
            news.regrouped.add(rec.id)
            if value.junk:
                news.junk[digest] = (value.kind, news.junk.get(digest, (0, 0))[1] + 1)
        elif since < known[1]:
            news.lowered.append((rec.id, digest, since))
        else:
            continue
        rec.evidence[digest] = (value.kind, since)
        if not value.junk:
            news.ask.add(digest)
        if not rec.new:
            news.start.add(rec.id)
    return rec


def _count_more(dead: set[UUID], news: _News) -> None:
    """Counts new holders of values that are retired already for being shared."""
    more: dict[UUID, tuple[int, int]] = {}
    for _, kind, digest, _, _ in news.evidence:
        if digest in dead and digest not in news.junk:
            more[digest] = (kind, more.get(digest, (0, 0))[1] + 1)
    relink.retire((kind, digest, "shared", count) for digest, (kind, count) in more.items())


def _record(news: _News, linked: relink.Relinked, alike: Settled, result: regroup.Regrouped) -> None:
    counts = {"records": len(news.new), "evidence": len(news.evidence), "links": linked.made + alike.made,
              "profiles": result.made, "merged": result.merged, "split": result.split}  # fmt: skip
    for what, n in counts.items():
        metrics.IDENTITY.add(n, what)
    audit.record(
        "identity.observe",
        by=audit.SYSTEM,
        rows=len(news.new) + len(news.altered),
        details=counts
        | {"withdrawn": linked.withdrawn + alike.withdrawn, "retired": linked.retired, "refused": dict(result.refused)},
    )
