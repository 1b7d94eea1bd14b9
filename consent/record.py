"""Writing to the ledger."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cdp import audit, outbox
from cdp.database.together import together
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.aad import aad
from consent import ledger, locks, states
from consent.models import Basis, LedgerEntry, Purpose, Status
from consent.rules import EVERY


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said about one purpose, under some identifiers of one person. Raises ValueError when it says nothing.

    `subjects` are blind digests: all the identifiers that the person was known by when saying it, and no other. `cause`
    names what it came from (an event, a row, a request): the same cause and purpose twice is one statement."""

    subjects: tuple[UUID, ...]
    purpose: str
    status: str
    effective_from: datetime
    cause: UUID
    basis: str = "consent"
    expires_at: datetime | None = None
    notice_version: str = ""
    channel: str = ""
    method: str = ""
    jurisdiction: str = ""
    source_id: UUID | None = None
    evidence: str | None = None

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError("a statement needs a subject")
        if self.status not in Status.values:
            raise ValueError(f"a status is one of {', '.join(Status.values)}")
        if self.basis not in Basis.values:
            raise ValueError(f"a legal basis is one of {', '.join(Basis.values)}")
        if self.effective_from.tzinfo is None or (self.expires_at and self.expires_at.tzinfo is None):
            raise ValueError("a time needs a time zone")
        if self.expires_at and self.expires_at <= self.effective_from:
            raise ValueError("a consent cannot expire before it takes effect")
        if self.purpose == EVERY and self.status == Status.GRANTED:
            # Art. 4(11): consent is specific.
            raise ValueError("consent is given to one purpose at a time")


def cause_of(statement: Statement) -> UUID:
    """What makes the entry unique: the cause, and the purpose, for one event may speak of several."""
    digest = hashlib.blake2b(
        statement.cause.bytes + statement.purpose.encode(), digest_size=16, person=b"consent cause"
    )
    return UUID(bytes=digest.digest())


def content_of(statement: Statement) -> UUID:
    """A cause for a statement that is told again and again: all that it says. Told twice, it is one line of the ledger; since
    that is everything a fold can read of it, leaving out the repetition changes no answer, in whatever order they arrive."""
    told = (
        sorted(set(statement.subjects)), statement.purpose, statement.status, statement.basis,
        statement.effective_from.astimezone(UTC), statement.expires_at and statement.expires_at.astimezone(UTC),
        statement.notice_version, statement.channel, statement.method, statement.jurisdiction, statement.source_id,
    )  # fmt: skip
    return UUID(bytes=hashlib.blake2b(repr(told).encode(), digest_size=16, person=b"consent content").digest())


_STRICTEST_FIRST = {
    status: n for n, status in enumerate(("restricted", "objected", "withdrawn", "denied", "released", "granted"))
}

_COLUMNS = (
    ("id", "uuid"), ("purpose", "text"), ("status", "text"), ("subjects", "text"), ("basis", "text"),
    ("notice_version", "text"), ("jurisdiction", "text"), ("channel", "text"), ("method", "text"), ("evidence_sealed", "bytea"),
    ("actor", "text"), ("source_id", "uuid"), ("effective_from", "timestamptz"), ("expires_at", "timestamptz"),
    ("recorded_at", "timestamptz"), ("cause", "uuid"),
)  # fmt: skip
_INSERT = f"""
with made as (
    insert into consent_ledgerentry ({", ".join(name for name, _ in _COLUMNS)})
    select {", ".join("t.subjects::uuid[]" if name == "subjects" else f"t.{name}" for name, _ in _COLUMNS)}
    from unnest({", ".join(f"%s::{kind}[]" for _, kind in _COLUMNS)}) as t({", ".join(name for name, _ in _COLUMNS)})
    order by t.cause
    on conflict (cause) do nothing
    returning id, purpose, status, subjects
), indexed as (
    insert into consent_subject (digest, entry_id)
    select distinct s.digest, made.id from made, unnest(made.subjects) as s(digest) order by 1, 2
)
select purpose, status, subjects from made
"""


def record(statements: Sequence[Statement], *, actor: str, at: datetime, by: audit.Actor | None = None) -> int:
    """Appends statements to the ledger, in the caller's transaction; returns how many were new.

    Takes the lock of people, unless the ledger has it all already. Statements about a purpose that is not defined are left
    out: a key that nobody has declared may be anything, also a personal value, and nothing is permitted under it anyway. The
    states of the parties that hold a subject are brought up to date and told as changed. `by` is who the audit trail names,
    else the system as `actor`."""
    distinct = _unrecorded(_distinct(statements))
    if not distinct:
        return 0
    locks.take()
    made = _insert(distinct, actor, at)
    if made:
        touched = {subject for _, _, subjects in made for subject in subjects}
        _tell(touched)
        counts = Counter(f"{purpose} {status}" for purpose, status, _ in made)
        who = by or (audit.SYSTEM if actor == audit.SYSTEM.id else audit.Actor("system", actor))
        audit.record(
            "consent.record", by=who, object=("consent", ""), rows=len(made), details={"statements": dict(counts)}
        )
    return len(made)


def _distinct(statements: Sequence[Statement]) -> dict[UUID, Statement]:
    """The statements about defined purposes, by the cause of their line."""
    if not statements:
        return {}
    defined = {*Purpose.objects.values_list("key", flat=True), EVERY}
    wanted = [statement for statement in statements if statement.purpose in defined]
    # One cause that says both yes and no has said no.
    wanted.sort(key=lambda statement: _STRICTEST_FIRST[statement.status])
    distinct: dict[UUID, Statement] = {}
    for statement in wanted:
        distinct.setdefault(cause_of(statement), statement)
    return distinct


def _unrecorded(distinct: dict[UUID, Statement]) -> dict[UUID, Statement]:
    """Those that the ledger does not have yet. Asked before the lock: an event that repeats a decision needs none."""
    if not distinct:
        return {}
    known = set(LedgerEntry.objects.filter(cause__in=list(distinct)).values_list("cause", flat=True))
    return {cause: statement for cause, statement in distinct.items() if cause not in known}


def _insert(distinct: dict[UUID, Statement], actor: str, at: datetime) -> list[tuple[str, str, list[UUID]]]:
    ids = {cause: uuid7() for cause in distinct}
    # A key of its own for each entry that holds text: the ledger cannot be changed, but a key can be destroyed.
    made = keys.create([ids[cause] for cause, it in distinct.items() if it.evidence is not None])
    columns: tuple[list[object], ...] = tuple([] for _ in _COLUMNS)
    for cause, it in distinct.items():
        entry_id, sealed = ids[cause], None
        if it.evidence is not None:
            sealed = made[entry_id].seal(
                it.evidence.encode(), aad=aad("consent_ledgerentry", entry_id, "evidence_sealed")
            )
        subjects = "{" + ",".join(map(str, sorted(set(it.subjects)))) + "}"
        values = (
            entry_id, it.purpose, it.status, subjects, it.basis, it.notice_version[:40], it.jurisdiction[:10],
            it.channel[:40], it.method[:40], sealed, actor[:80], it.source_id, it.effective_from, it.expires_at, at, cause,
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [(purpose, status, subjects) for purpose, status, subjects in together((_INSERT, columns))[0]]


def _tell(digests: Collection[UUID]) -> None:
    parties = set().union(*ledger.parties_of(digests).values())
    states.refresh(parties)
    outbox.changed(parties, reason="consent")


def evidence_of(entry_id: UUID, sealed: bytes) -> str | None:
    """The evidence of an entry, opened; None once it was erased. The caller has asked whether the reader may see it."""
    key = keys.load([entry_id]).get(entry_id)
    if key is None:
        return None
    return key.open(bytes(sealed), aad=aad("consent_ledgerentry", entry_id, "evidence_sealed")).decode()
