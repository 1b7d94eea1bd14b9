"""One micro-batch, one transaction: claim, suppressed?, consent, permitted?, identity, events, counts, and "this changed".

Memberships follow in a transaction of their own (`uptodate.py`, and docs/decisions/0001 for why)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from msgspec import Struct

from cdp import audit, metrics, outbox
from cdp.catalogue import snapshot
from cdp.catalogue.observe import observe as observe_fields
from cdp.database import disk
from cdp.events.claim import Claimed, claim, waiting
from cdp.events.store import StoredEvent, as_json, release, set_aside, settle, store
from cdp.groups import observe as groups
from cdp.ids import uuid7s
from cdp.pipeline import wire
from cdp.sources import lookup
from cdp.sources.lookup import SourceInfo
from consent.models import Purpose
from consent.permits import permits_many
from consent.purposes import gpc_statements
from consent.record import Statement, record
from consent.suppression import suppressed
from identity import observe
from identity.prepare import digests_of, read_all
from segments import program
from segments.nodes import micros

log = structlog.get_logger(__name__)
PASSING = (
    OperationalError,
    InterfaceError,
)  # deadlock, lost connection, server restart: the batch is tried again whole


class Work(Struct):
    """A claimed event on its way through the batch."""

    claimed: Claimed
    source: SourceInfo
    reading: wire.Reading
    digests: tuple[UUID, ...]


@dataclass
class Result:
    """What a batch came to."""

    claimed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    received: Counter[datetime] = field(default_factory=Counter)  # how many of the claimed were accepted when


def run_batch(limit: int, *, now: datetime, slot: int) -> Result:
    """Processes up to `limit` waiting events. A batch that fails is bisected down to the event that poisons it, which is
    set aside as a rejection, so that nothing blocks. Raises OperationalError when the database is away."""
    try:
        return _attempt(limit, now=now, slot=slot, ids=None)
    except PASSING:
        raise
    except Exception as error:  # any fault of one event must not stop the others
        metrics.FAULTS.add(1, "batch_failed")
        log.warning("pipeline.batch_failed", error=type(error).__name__)
        return _bisect(waiting(limit), now=now, slot=slot)


def _bisect(ids: Sequence[int], *, now: datetime, slot: int) -> Result:
    result = Result()
    if not ids:
        return result
    try:
        return _attempt(len(ids), now=now, slot=slot, ids=ids)
    except PASSING:
        raise
    except Exception as error:
        if len(ids) == 1:
            metrics.FAULTS.add(1, "poisoned")
            log.error("pipeline.poisoned", error=type(error).__name__, inbox_id=ids[0])
            return _set_aside(ids[0], now=now, slot=slot)
    for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
        part = _bisect(half, now=now, slot=slot)
        result.claimed += part.claimed
        result.outcomes.update(part.outcomes)
        result.received.update(part.received)
    return result


def _set_aside(inbox_id: int, *, now: datetime, slot: int) -> Result:
    with transaction.atomic():
        claimed = claim(1, ids=[inbox_id])
        for event in claimed:
            set_aside(event, "poisoned", at=now)
            settle({(event.source_id, "rejected"): 1}, slot=slot)
    return Result(claimed=len(claimed), outcomes=Counter(rejected=len(claimed)))


@transaction.atomic
def _attempt(limit: int, *, now: datetime, slot: int, ids: Sequence[int] | None) -> Result:
    disk.do_not_wait()  # others wait for its locks
    program.share()  # before any row is locked: whoever changes a rule waits for those who go by the old one
    claimed = claim(limit, ids=ids)
    result = Result(claimed=len(claimed), received=Counter(event.received_at for event in claimed))
    if not claimed:
        return result
    counts: Counter[tuple[UUID, str]] = Counter()
    works = _read(claimed, counts, now=now)
    works = _unsuppressed(works, counts)
    works = _consents(works, counts, now=now)
    stored = _permitted(works, counts, now=now)
    records = _store(stored, counts)
    settle(counts, slot=slot)
    for (_, outcome), n in counts.items():
        result.outcomes[outcome] += n
    audit.record(
        "pipeline.batch", by=audit.SYSTEM, subjects=sorted(records), rows=len(claimed), details=dict(result.outcomes)
    )
    return result


def _read(claimed: Sequence[Claimed], counts: Counter[tuple[UUID, str]], *, now: datetime) -> list[Work]:
    catalogue = snapshot.current()
    sources = lookup.load({event.source_id for event in claimed})
    read: list[tuple[Claimed, SourceInfo, wire.Reading]] = []
    for event in claimed:
        source = sources.get(event.source_id)
        if source is None:
            set_aside(event, "unknown_source", at=now)
            counts[event.source_id, "rejected"] += 1
            continue
        read.append(
            (event, source, wire.read(event.event, source=source, catalogue=catalogue, occurred_at=event.occurred_at))
        )
    read_all([reading.observation for _, _, reading in read])
    return [Work(event, source, reading, digests_of(reading.observation)) for event, source, reading in read]


def _unsuppressed(works: list[Work], counts: Counter[tuple[UUID, str]]) -> list[Work]:
    """Leaves out what belongs to erased people: counted, not kept."""
    blocked = suppressed({digest for work in works for digest in work.digests})
    return _without([work for work in works if not blocked.isdisjoint(work.digests)], works, "suppressed", counts)


def _without(dropped: list[Work], works: list[Work], outcome: str, counts: Counter[tuple[UUID, str]]) -> list[Work]:
    """Counts what is not kept, and forgets that it was seen: a message is remembered only for as long as its event is, so
    that the same file, sent again after people have agreed, is not taken for duplicates."""
    if not dropped:
        return works
    release([work.claimed.message for work in dropped])
    for work in dropped:
        counts[work.source.id, outcome] += 1
    gone = {id(work) for work in dropped}
    return [work for work in works if id(work) not in gone]


def _consents(works: list[Work], counts: Counter[tuple[UUID, str]], *, now: datetime) -> list[Work]:
    """Records what the events themselves say of consent: also those of events that are then denied, for a refusal must
    be remembered. Sets aside an event whose consent cannot be read."""
    speaking = [work for work in works if _speaks(work.claimed.event)]
    if not speaking:
        return works
    purposes = {wire.slug(key): key for key in Purpose.objects.values_list("key", flat=True)}
    said: list[Statement] = []
    unreadable = set()
    for work in speaking:
        event = work.claimed
        try:
            said += wire.statements(
                event.event,
                subjects=work.digests,
                message=event.message,
                source=work.source,
                purposes=purposes,
                occurred_at=event.occurred_at,
            )
        except wire.InvalidConsent:
            set_aside(event, "invalid_consent", "context.consent", at=now)
            counts[event.source_id, "rejected"] += 1
            unreadable.add(event.id)
            continue
        if event.event["context"].get("gpc"):
            said += gpc_statements(work.digests, at=event.occurred_at, cause=event.message, source_id=event.source_id)
    if said:
        record(said, actor="pipeline", at=now)
    return [work for work in works if work.claimed.id not in unreadable]


def _speaks(event: dict[str, object]) -> bool:
    context = event.get("context")
    return isinstance(context, dict) and bool(context.get("consent") or context.get("gpc"))


def _permitted(works: list[Work], counts: Counter[tuple[UUID, str]], *, now: datetime) -> list[Work]:
    """Keeps the events that at least one of their source's purposes permits."""
    allowed = [False] * len(works)
    asks: dict[tuple[str, str], list[int]] = {}
    for position, work in enumerate(works):
        for purpose, basis in work.source.purposes:
            asks.setdefault((purpose, basis), []).append(position)
    for (purpose, basis), positions in asks.items():
        open_positions = [position for position in positions if not allowed[position]]
        decisions = permits_many([works[p].digests for p in open_positions], purpose, at=now, basis=basis)
        for position, decision in zip(open_positions, decisions, strict=True):
            allowed[position] = decision.allowed
    return _without([work for work, ok in zip(works, allowed, strict=True) if not ok], works, "denied", counts)


def _store(works: list[Work], counts: Counter[tuple[UUID, str]]) -> set[UUID]:
    """Resolves and stores what is permitted; the records concerned. Events of known records are stored first: under the
    lock that resolving takes, other workers wait."""
    if not works:
        return set()
    at = max(work.claimed.received_at for work in works)
    begun = observe.begin([work.reading.observation for work in works])
    ids = begun.record_ids
    concerned = _write([(work, id) for work, id in zip(works, ids, strict=True) if id is not None])
    resolutions = observe.settle(begun, at=at)
    settled = [(work, it.record_id) for work, it in zip(works, resolutions, strict=True)]
    concerned |= _write([it for it, id in zip(settled, ids, strict=True) if id is None])
    groups.observe(_group_calls(settled), at=at)
    counts.update((work.source.id, "stored") for work in works)
    labels = {work.reading.label for work in works if work.reading.label}
    observe_fields([split for work in works for split in work.reading.splits], at=at, events=labels)
    return concerned


def _write(works: Sequence[tuple[Work, UUID]]) -> set[UUID]:
    """Stores events of these records, and says so to whoever follows; the records."""
    if not works:
        return set()
    rows = [_row(id, *it) for id, it in zip(uuid7s(len(works)), works, strict=True)]
    store(rows)
    _tell(rows)
    return {row.record_id for row in rows}


def _group_calls(works: Sequence[tuple[Work, UUID]]) -> list[groups.Statement]:
    return [
        wire.group_call(work.reading, record_id=record_id, source=work.source, occurred_at=work.claimed.occurred_at)
        for work, record_id in works
        if work.reading.type == wire.TYPES["group"]
    ]


def _tell(rows: Sequence[StoredEvent]) -> None:
    """Says what happened to whoever follows memberships: only events that a rule listens to."""
    labels = program.current().labels
    heard = [
        outbox.Happened(row.record_id, row.name, micros(row.occurred_at), as_json(row.facts).decode())
        for row in rows
        if row.name is not None and row.name in labels
    ]
    outbox.happened(heard, since=min(row.received_at for row in rows))


def _row(id: UUID, work: Work, record_id: UUID) -> StoredEvent:
    return StoredEvent(
        id=id,
        record_id=record_id,
        source_id=work.source.id,
        type=work.reading.type,
        name=work.reading.name,
        message=work.claimed.message,
        occurred_at=work.claimed.occurred_at,
        received_at=work.claimed.received_at,
        facts=work.reading.facts,
        sealed=work.reading.sealed,
    )
