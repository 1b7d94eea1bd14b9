"""Which pairs are looked at: those that share a blocking key. Pure.

A part is one way to look at a field (a name's sound, a year of birth). Every part alone is a rule. A block that holds more
records than the limit is never cut off: its key is retired, and the records in it meet under the finer keys that join the
part with one of another field, and under those of three parts where even that is too many. So the pairs are a function of
the set of records.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from identity.matching import spelling
from identity.matching.arrays import distinct
from identity.matching.progress import Part as Told
from identity.matching.progress import unheard
from identity.matching.table import Table

Ints = npt.NDArray[np.int64]
_WORDS = 5  # words of a free text that are parts of their own
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Part(Struct, frozen=True):
    """name: such as "family_name~". field: what it looks at. joins: it is joined with others where it alone is too common."""

    name: str
    field: str
    joins: bool
    read: Callable[[str], tuple[str, ...]]


def _one(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def values(value: str) -> tuple[str, ...]:
        found = read(value)
        return (found,) if found else ()

    return values


def _first(value: str) -> str:
    return value.partition(" ")[0]


def _words(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in value.split(" ") if len(word) > 3))[:_WORDS]


def _day(value: str) -> str:
    return "" if value.endswith("-00") else value


def _month_day(value: str) -> str:
    return "" if value.endswith("-00") else value[5:]


def _user(value: str) -> str:
    return spelling.plain(value.rpartition("@")[0]).replace(" ", "")


def _numbered(value: str) -> str:
    number, _, road = value.partition("|")
    return f"{_first(number)}|{road.replace(' ', '')[:6]}" if number and road else ""


def _road(value: str) -> str:
    return value.partition("|")[2].replace(" ", "")


# How a field is compared -> its parts: suffix of the name, whether it is joined with others, what it reads.
_PARTS: dict[str, tuple[tuple[str, bool, Callable[[str], tuple[str, ...]]], ...]] = {
    "given": (("", False, _one(_first)), ("~", True, _one(lambda v: spelling.sounds(_first(v))))),
    "family": (("", False, lambda v: tuple(v.split(" ")[:3])), ("~", True, _one(lambda v: spelling.sounds(v.replace(" ",
    ""))))),
    "date": (("", False, _one(_day)), (".year", True, _one(lambda v: v[:4])), (".day", True, _one(_month_day))),
    "email": (("", False, _one(str)), (".user", True, _one(_user))),
    "phone": (("", False, _one(lambda v: v[-9:])), (".tail", False, _one(lambda v: v[-6:]))),
    "street": (("", False, _one(_numbered)), (".road", True, _one(_road))),
    "postcode": (("", True, _one(lambda v: v.replace(" ", ""))), (".sector", False, _one(lambda v: v.replace(" ", "")[:-2]))),
    "code": (("", False, _one(lambda v: v.replace(" ", ""))), (".head", True, _one(lambda v: v.replace(" ", "")[:-3]))),
    "text": (("", True, _one(lambda v: v.replace(" ", ""))), (".words", True, _words)),
    "category": (),
}  # fmt: skip
_DEPTH = 3
_WORTH = 0.02  # finer keys are made where so large a share of the records would meet by them


def parts_of(fields: Mapping[str, str]) -> list[Part]:
    """The parts of fields (name -> how compared)."""
    return [
        Part(f"{name}{suffix}", name, joins, read)
        for name, how in fields.items()
        for suffix, joins, read in _PARTS[how]
    ]


@dataclass(slots=True)
class Rule:
    """How a rule did: pairs it gave, keys retired, and the records of the largest block."""

    parts: tuple[str, ...]
    fields: tuple[str, ...]
    pairs: int
    retired: int
    largest: int

    @property
    def name(self) -> str:
        """The parts, joined by "+"."""
        return "+".join(self.parts)


@dataclass(slots=True)
class Blocked:
    """Pairs of records, left < right, each once, sorted; and how the rules did."""

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    rules: list[Rule] = field(default_factory=list)
    limit: int = 0


class Codes(dict[str, Ints]):
    """Part's name -> (records, places): a code for each value of the part, -1 for none. Worked out when asked for."""

    def __init__(self, table: Table, parts: Sequence[Part]) -> None:
        super().__init__()
        self.table, self.parts = table, {part.name: part for part in parts}

    def __missing__(self, name: str) -> Ints:
        self[name] = part_codes(self.table, self.parts[name])
        return self[name]


def block(codes: Codes, *, limit: int, rules: Sequence[tuple[str, ...]] | None = None, told: Told = unheard) -> Blocked:
    """All pairs of records that share a key whose block holds at most `limit` records.

    rules: names of parts; without them, each part by itself and, where it is worth it, two and three joined."""
    size, parts = codes.table.size, list(codes.parts.values())
    did: list[Rule] = []
    found: list[Ints] = []
    full: dict[tuple[str, ...], _Full] = {}
    for depth in range(1, _DEPTH + 1):
        choices = list(combinations(parts, depth))
        for number, chosen in enumerate(choices):
            told((depth - 1 + number / len(choices)) / _DEPTH)
            name = tuple(part.name for part in chosen)
            coarser = [full.get(tuple(one for one in name if one != left)) for left in name] if depth > 1 else []
            if any(one is None for one in coarser) or not _allowed(chosen, [one for one in coarser if one], rules):
                continue
            where, keys = _combine([codes[one] for one in name], [one for one in coarser if one], size)
            order, starts, sizes = _blocks(keys)
            wide = sizes > limit
            pairs = list(_pairs(where[order], starts[~wide], sizes[~wide], size))
            found += pairs
            if wide.any() and depth < _DEPTH:
                full[name] = _Full.of(where[order], keys[order], np.repeat(wide, sizes), size)
            did.append(
                Rule(
                    name,
                    tuple(part.field for part in chosen),
                    sum(map(len, pairs)),
                    int(wide.sum()),
                    int(sizes.max(initial=0)),
                )
            )
    every = distinct(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    return Blocked((every // size).astype(np.int32), (every % size).astype(np.int32), did, limit)


def _allowed(chosen: Sequence[Part], coarser: "Sequence[_Full]", rules: Sequence[tuple[str, ...]] | None) -> bool:
    if rules is not None:
        return tuple(part.name for part in chosen) in rules
    if len(chosen) == 1:
        return True
    if len({part.field for part in chosen}) < len(chosen) or not all(part.joins for part in chosen):
        return False
    return float(np.logical_and.reduce([one.records for one in coarser]).mean()) >= _WORTH


@dataclass(slots=True)
class _Full:
    """The retired keys of a rule, sorted, and which records have one."""

    keys: npt.NDArray[np.uint64]
    records: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, where: Ints, keys: npt.NDArray[np.uint64], wide: npt.NDArray[np.bool_], size: int) -> "_Full":
        records = np.zeros(size, dtype=bool)
        records[where[wide]] = True
        return cls(distinct(keys[wide]), records)

    def holds(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.asarray(self.keys[at] == keys)


def part_codes(table: Table, part: Part) -> Ints:
    """(records, places): a code for each value of the part, -1 for none."""
    column = table.columns[part.field]
    places: dict[str, int] = {}
    read = [part.read(value) for value in column.values]
    width = max(map(len, read), default=1) or 1
    codes = np.full((len(read) + 1, width), -1, dtype=np.int64)  # the last row stands for "no value"
    for at, values in enumerate(read):
        for place, value in enumerate(values):
            codes[at, place] = places.setdefault(value, len(places))
    return codes[column.codes].reshape(table.size, -1)


def _combine(codes: list[Ints], coarser: list[_Full], size: int) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """(record, key) of every combination of values whose coarser keys are all retired."""
    records = np.flatnonzero(np.logical_and.reduce([one.records for one in coarser])) if coarser else np.arange(size)
    wheres, keys = [], []
    for places in product(*(range(column.shape[1]) for column in codes)):
        where = records
        for column, place in zip(codes, places, strict=True):
            where = where[column[where, place] >= 0]
        values = [column[where, place] for column, place in zip(codes, places, strict=True)]
        for leave, one in enumerate(coarser):
            kept = one.holds(_hash([value for at, value in enumerate(values) if at != leave]))
            where, values = where[kept], [value[kept] for value in values]
        wheres.append(where)
        keys.append(_hash(values))
    if len(wheres) == 1:
        return wheres[0], keys[0]
    # A record that comes by one key twice is one member of its block.
    where, key = np.concatenate(wheres), np.concatenate(keys)
    order = np.lexsort((where, key))
    where, key = where[order], key[order]
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (key[1:] != key[:-1]) | (where[1:] != where[:-1])
    return where[fresh], key[fresh]


def _hash(values: list[Ints]) -> npt.NDArray[np.uint64]:
    key = np.zeros(len(values[0]), dtype=np.uint64)
    for value in values:
        key = _mix(key ^ _mix(value.astype(np.uint64) + _MIX))
    return key


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _blocks(keys: npt.NDArray[np.uint64]) -> tuple[Ints, Ints, Ints]:
    """Order by key, and each block's start and size."""
    order = np.argsort(keys)
    ordered = keys[order]
    starts = (
        np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        if len(keys)
        else np.zeros(0, dtype=np.int64)
    )
    return order, starts, np.diff(np.append(starts, len(keys)))


def _pairs(members: Ints, starts: Ints, sizes: Ints, size: int) -> Iterator[Ints]:
    """Pairs of the members of blocks, as low * size + high. All blocks of one size at once."""
    for one in np.unique(sizes[sizes > 1]):
        chosen = starts[sizes == one]
        block = members[chosen[:, None] + np.arange(one)]
        a, b = np.triu_indices(int(one), 1)
        left, right = block[:, a].ravel(), block[:, b].ravel()
        differ = left != right
        yield (np.minimum(left, right) * size + np.maximum(left, right))[differ]


def sample(codes: Codes, name: str, most: int, budget: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """At most `most` pairs, left < right, drawn evenly from all that share a value of one part: as such pairs are, whatever
    other keys they share. Of values that very many hold only the rarer: as far as `budget` pairs."""
    held = codes[name]
    places, size = held.shape[1], codes.table.size
    flat = held.ravel()
    sizes = np.bincount(flat[flat >= 0])
    by_size = np.bincount(sizes) * np.arange(len(sizes) and sizes.max() + 1)
    within = np.cumsum(by_size * (np.arange(len(by_size)) - 1) // 2) <= budget
    pairs = np.where(within[sizes], sizes * (sizes - 1) // 2, 0)
    ends = np.cumsum(pairs)
    total = int(ends[-1]) if len(ends) else 0
    drawn = np.arange(total) if total <= most else distinct(rng.integers(0, total, most))
    value = np.searchsorted(ends, drawn, side="right")
    chosen = np.zeros(len(sizes) + 1, dtype=bool)  # the last stands for "no value"
    chosen[value] = True
    at = np.flatnonzero(chosen[flat])
    at = at[np.argsort(flat[at], kind="stable")]
    starts = np.zeros(len(sizes), dtype=np.int64)
    starts[flat[at[::-1]]] = np.arange(len(at))[::-1]
    first, second = _places(drawn - (ends - pairs)[value])
    a, b = at[starts[value] + first] // places, at[starts[value] + second] // places
    keys = distinct((np.minimum(a, b) * size + np.maximum(a, b))[a != b])
    return keys // size, keys % size


def _places(number: Ints) -> tuple[Ints, Ints]:
    """The pair (first < second) of each number in the sequence (0,1), (0,2), (1,2), (0,3), ..."""
    second = ((1 + np.sqrt(1.0 + 8.0 * number)) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > number
    second += second * (second + 1) // 2 <= number
    return number - second * (second - 1) // 2, second


def count(codes: Codes, limits: Collection[int]) -> dict[int, int]:
    """About how many pairs (with repetitions) single parts give at each limit: for choosing one."""
    totals = dict.fromkeys(limits, 0)
    for name in codes.parts:
        held = codes[name]
        flat = held[held >= 0]
        sizes = np.bincount(flat) if len(flat) else np.zeros(1, dtype=np.int64)
        for limit in limits:
            kept = sizes[sizes <= limit]
            totals[limit] += int((kept * (kept - 1) // 2).sum())
    return totals
