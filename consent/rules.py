"""What a ledger says at a moment: the fold, and the answer under a legal basis. Pure.

A *party* is the set of digests that are one person. Entries are folded per digest, and then the strictest wins:

- Of `granted`, `denied` and `withdrawn` the latest stands; a grant ends when it expires, and an earlier one does not revive.
- `objected` stands until a later `released` or `granted` of the same digest; `restricted` until a later `released`.
- Latest is by `effective_from`, never by arrival; of two at the same moment the stricter is the later.
- What restricts counts for a party that holds *any* of the entry's subjects; what permits (`granted`, `released`) only for
  one that holds *all* of them: an agreement that a mother gave under her address and the family's phone is not her son's.
- An entry with purpose "*" speaks of every purpose.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntFlag
from typing import NamedTuple
from uuid import UUID

EVERY = "*"


class Bit(IntFlag):
    """What holds for a party: stored in `State.verdicts`, so never renumbered."""

    NONE = 0
    GRANTED = 1
    DENIED = 2
    WITHDRAWN = 4
    OBJECTED = 8
    RESTRICTED = 16
    EXPIRED = 32  # a grant that ended by time; says why there is none


_NO = Bit.DENIED | Bit.WITHDRAWN | Bit.OBJECTED | Bit.RESTRICTED
# Art. 21 gives the right to object to what rests on 6(1)(e) and (f); a plain "no" is taken as an objection there too.
# The other bases do not ask the person, but a withdrawal of that very purpose and a restriction are honoured.
BLOCKS: dict[str, Bit] = {
    "consent": _NO,
    "legitimate_interests": _NO,
    "public_task": _NO,
    "contract": Bit.WITHDRAWN | Bit.RESTRICTED,
    "legal_obligation": Bit.WITHDRAWN | Bit.RESTRICTED,
    "vital_interests": Bit.WITHDRAWN | Bit.RESTRICTED,
}
_STRICTNESS = {"granted": 0, "released": 1, "denied": 2, "withdrawn": 3, "objected": 4, "restricted": 5}
PERMISSIVE = frozenset({"granted", "released"})
_BIT = {"denied": Bit.DENIED, "withdrawn": Bit.WITHDRAWN, "objected": Bit.OBJECTED, "restricted": Bit.RESTRICTED}
# The three things that are said about a digest, and which statuses speak of each.
_TRACKS: dict[str, tuple[int, ...]] = {
    "granted": (0, 1),
    "denied": (0,),
    "withdrawn": (0,),
    "objected": (1,),
    "released": (1, 2),
    "restricted": (2,),
}
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger, as far as the fold needs it."""

    id: UUID
    purpose: str
    status: str
    subjects: tuple[UUID, ...]
    effective_from: datetime
    expires_at: datetime | None = None


class Verdict(NamedTuple):
    """Bits, and the entries that set them."""

    bits: Bit
    entries: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer and its reason. `because` begins with a stable code, then a colon and words."""

    allowed: bool
    because: str
    entries: tuple[UUID, ...] = ()

    @property
    def code(self) -> str:
        """The stable part of `because`."""
        return self.because.partition(":")[0]


def _order(entry: Entry) -> tuple[datetime, int, float, UUID]:
    """Later is greater; among equals the stricter, then the shorter grant. The id only settles which of two is cited."""
    expiry = entry.expires_at or _FOREVER
    return entry.effective_from, _STRICTNESS[entry.status], -expiry.timestamp(), entry.id


def relevant(entries: Iterable[Entry], digests: Collection[UUID], purpose: str) -> list[Entry]:
    """The entries that count for a party and a purpose, oldest first."""
    found = []
    for entry in entries:
        if entry.purpose != purpose and entry.purpose != EVERY:
            continue
        held = [subject in digests for subject in entry.subjects]
        if all(held) if entry.status in PERMISSIVE else any(held):
            found.append(entry)
    return sorted(found, key=_order)


class _Fold:
    """The latest entry of each digest on each track."""

    def __init__(self, digests: Collection[UUID]) -> None:
        self._digests = digests
        self._latest: dict[tuple[UUID, int], Entry] = {}

    def add(self, entry: Entry) -> None:
        """Entries come in order."""
        for track in _TRACKS[entry.status]:
            for subject in entry.subjects:
                if subject in self._digests:
                    self._latest[subject, track] = entry

    def at(self, moment: datetime) -> Verdict:
        bits, deciding = Bit.NONE, {}
        for (_, track), entry in self._latest.items():
            if entry.status == "granted":
                if track:
                    continue  # it lifted an objection; what it grants is said on the first track
                bit = Bit.GRANTED if entry.expires_at is None or entry.expires_at > moment else Bit.EXPIRED
            else:
                bit = _BIT.get(entry.status, Bit.NONE)
            if bit:
                bits |= bit
                deciding[entry.id] = bit
        return Verdict(bits, tuple(sorted(entry for entry, bit in deciding.items() if _speaks(bit, bits))))


def _speaks(bit: Bit, bits: Bit) -> bool:
    """Whether an entry decided: what refuses stands over what grants, a live grant over an expired one."""
    if bits & _NO:
        return bool(bit & _NO)
    return bit == Bit.GRANTED or not bits & Bit.GRANTED


def verdict(entries: Iterable[Entry], digests: Collection[UUID], purpose: str, at: datetime) -> Verdict:
    """What holds for a party and a purpose at a moment."""
    fold = _Fold(digests)
    for entry in relevant(entries, digests, purpose):
        if entry.effective_from > at:
            break
        fold.add(entry)
    return fold.at(at)


def timeline(entries: Iterable[Entry], digests: Collection[UUID], purpose: str) -> tuple[list[datetime], list[int]]:
    """All of time: `verdicts[n]` holds from `moments[n]` on. Both are empty when no entry counts."""
    counting = relevant(entries, digests, purpose)
    ends = {entry.expires_at for entry in counting if entry.status == "granted" and entry.expires_at}
    fold, moments, verdicts, position = _Fold(digests), list[datetime](), list[int](), 0
    for moment in sorted(ends | {entry.effective_from for entry in counting}):
        while position < len(counting) and counting[position].effective_from <= moment:
            fold.add(counting[position])
            position += 1
        bits = int(fold.at(moment).bits)
        if not verdicts or verdicts[-1] != bits:
            moments.append(moment)
            verdicts.append(bits)
    return moments, verdicts


_REFUSALS: Sequence[tuple[Bit, str]] = (
    (Bit.RESTRICTED, "restricted: processing is restricted (Art. 18)"),
    (Bit.WITHDRAWN, "withdrawn: an identifier of this person has withdrawn"),
    (Bit.OBJECTED, "objected: an identifier of this person has objected (Art. 21)"),
    (Bit.DENIED, "denied: an identifier of this person has said no"),
)
UNKNOWN = Decision(False, "unknown purpose: there is no such purpose, so nothing is permitted under it")


def allows(bits: int, basis: str) -> bool:
    """Whether a verdict permits under a legal basis. An unknown basis permits nothing."""
    blocks = BLOCKS.get(basis)
    if blocks is None or bits & blocks:
        return False
    return basis != "consent" or bool(bits & Bit.GRANTED)


def decide(found: Verdict, *, purpose: str, basis: str) -> Decision:
    """The answer under a legal basis, with its reason."""
    if basis not in BLOCKS:
        return Decision(False, "unknown basis: this is no legal basis of Art. 6(1)")
    for bit, because in _REFUSALS:
        if found.bits & bit & BLOCKS[basis]:
            return Decision(False, f"{because}: {purpose}", found.entries)
    if basis != "consent":
        return Decision(True, f"basis {basis}: purpose {purpose} needs no consent on this basis", found.entries)
    if found.bits & Bit.GRANTED:
        return Decision(True, f"granted: {purpose} by {', '.join(map(str, found.entries[:3]))}", found.entries)
    if found.bits & Bit.EXPIRED:
        return Decision(False, f"expired: the consent to {purpose} has run out", found.entries)
    return Decision(False, f"no entry: nobody has agreed to {purpose} under an identifier of this person")
