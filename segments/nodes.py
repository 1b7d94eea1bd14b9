"""The tree that a rule is parsed to. Pure. Moments are whole microseconds since 1970-01-01 UTC, as in the event history."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FOREVER = 2**63 - 1

Scalar = str | int | float | bool
Operand = Scalar | frozenset[Scalar] | tuple[Scalar, Scalar]


def micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """The inverse of `micros`. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=micros)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator with its threshold. Times are microseconds; for older_than and newer_than the threshold is a length."""

    op: str  # is, in, gt, gte, lt, lte, between, contains, starts, older_than, newer_than
    operand: Operand


@dataclass(frozen=True, slots=True)
class Test:
    """Holds for a collection of values of one kind (text, number, boolean, time) if there is one at all as `exists` says,
    one of them passes all of `positive`, and none passes any of `negative`. A value of another kind counts as absent."""

    kind: str
    positive: tuple[Comparison, ...] = ()
    negative: tuple[Comparison, ...] = ()
    exists: bool | None = None
    __test__ = False  # not a test case of pytest

    @property
    def relative(self) -> tuple[Comparison, ...]:
        """The comparisons whose answer moves with time."""
        return tuple(it for it in self.positive if it.op in {"older_than", "newer_than"})


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value lies: keys and "[]" (each element)."""

    name: str
    steps: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """A single key without escapes: at most one value."""
        return self.steps == (self.name,)


@dataclass(frozen=True, slots=True)
class Window:
    """Which events count at a moment: of the last `last` microseconds, or from `start` (inclusive) to `end` (exclusive)."""

    last: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a property of the event."""

    path: Path
    test: Test


@dataclass(frozen=True, slots=True)
class All:
    """True when every part is."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when one part is."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the part is not."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Trait:
    """A comparison of a golden fact."""

    path: Path
    test: Test


@dataclass(frozen=True, slots=True)
class Event:
    """An aggregate of a person's events of one name: count, sum, avg, min, max, distinct, first, last.

    `of` is the property; None for count, and for the moment of the first or last event."""

    label: str
    name: UUID
    aggregate: str
    of: Path | None
    kind: str  # of the property's values
    test: Test
    where: tuple[Where, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class InSegment:
    """Membership of another segment, by its key."""

    key: str
    member: bool


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether the person's data may be used for a purpose."""

    purpose: str
    allowed: bool


Node = All | Any | Not | Trait | Event | InSegment | Consent


def leaves(node: Node) -> Iterator[Trait | Event | InSegment | Consent]:
    """All conditions of a tree."""
    if isinstance(node, All | Any):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        yield node
