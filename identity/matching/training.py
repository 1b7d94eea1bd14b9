"""A model from a table, without labels. Pure; the same rows in the same order give the same model.

Two rounds: the first takes each record for a person; from its clusters the second knows who is one person, and counts the
frequencies of values, and the strangers' agreement, by people.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.matching import blocking, learn
from identity.matching.blocking import Blocked
from identity.matching.compare import COMPARISONS
from identity.matching.frequency import Counts, aspects, count
from identity.matching.junk import without_junk
from identity.matching.model import Field, Model, pack
from identity.matching.partition import partition
from identity.matching.patterns import Comparer, Levels, Rarity
from identity.matching.prepare import COMPARED
from identity.matching.progress import Part, Say, silent, step
from identity.matching.scoring import HOPELESS, Scorer, probabilities
from identity.matching.table import Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_RANDOM_PAIRS = 400_000
_SESSION_PAIRS = 20_000
_SESSION_WIDTH = 50  # of the pairs that share a part, so many for each record: the others share what is common
_LEAST_SESSION = 50
_SETTLE_PAIRS = 1_000_000
_HELD_TEXTS = 20_000  # most frequent texts of an aspect that a model keeps
_LIMITS = (1000, 700, 500, 350, 250, 180, 130, 90, 60, 45, 30, 20, 14, 10, 7, 5)
_THRESHOLD = 0.35


class Untrainable(ValueError):
    """The table says too little to learn from; says what is missing."""


@dataclass(slots=True)
class Trained:
    """The model, and what was worked out on the way and need not be again. bits: weights of the blocked pairs."""

    model: Model
    table: Table
    scorer: Scorer
    blocked: Blocked
    bits: npt.NDArray[np.float32]


def compared(table: Table) -> dict[str, str]:
    """The table's fields, and how each is compared."""
    return {name: COMPARED.get(name, "text") for name in table.columns}


def limit_for(codes: blocking.Codes) -> int:
    """The largest block that keeps the pairs affordable: some 50 a record in small tables, fewer in large ones."""
    size = codes.table.size
    totals = blocking.count(codes, _LIMITS)
    budget = min(max(50 * size, 200_000), 4_000_000 + 6 * size)
    return next((limit for limit in _LIMITS if totals[limit] <= budget), _LIMITS[-1])


def train(table: Table, *, seed: int = 1, say: Say = silent) -> Trained:
    """Learns a model from a table. Raises Untrainable."""
    say("looking for junk", 0.1)
    table = without_junk(table)
    fields = compared(table)
    if table.size < 2 or not fields:
        raise Untrainable("there must be at least two records, and one column that says something of them")
    codes = blocking.Codes(table, blocking.parts_of(fields))
    say("choosing pairs", 0.15)
    blocked = blocking.block(codes, limit=limit_for(codes), told=step(say, "choosing pairs", 0.2, 0.4))
    if not len(blocked.left):
        raise Untrainable("no two records share a name, an address or anything else that could be compared")
    lesson = _Lesson(codes, fields, blocked, np.random.default_rng(seed), step(say, "comparing", 0.4, 0.45))
    model, scorer = lesson.round(None, step(say, "learning", 0.45, 0.55))
    bits = scorer.bits(blocked.left, blocked.right, step(say, "learning", 0.55, 0.65))
    say("learning", 0.65)
    hope = bits > HOPELESS
    people = partition(
        table.size, blocked.left[hope], blocked.right[hope], probabilities(bits[hope]), threshold=0.5
    ).cluster
    model, scorer = lesson.round(people, step(say, "learning", 0.7, 0.8))
    bits = scorer.bits(blocked.left, blocked.right, step(say, "scoring", 0.8, 0.95))
    return Trained(model, table, scorer, blocked, bits)


class _Lesson:
    """What both rounds share: some of the blocked pairs and random ones, with their levels, and which teach which fields."""

    def __init__(
        self, codes: blocking.Codes, fields: Mapping[str, str], blocked: Blocked, rng: np.random.Generator, part: Part
    ) -> None:
        table = codes.table
        self.table, self.fields, self.blocked = table, dict(fields), blocked
        self.comparer = Comparer(table, fields)
        a, b = rng.integers(0, table.size, (2, _RANDOM_PAIRS))
        self.strangers = a[a != b], b[a != b]
        self.stranger_levels = self.comparer.levels(*self.strangers)
        self.sizes = [len(COMPARISONS[how].levels) for how in fields.values()]
        self.share = [np.array([share for _, share in COMPARISONS[how].shared]) for how in fields.values()]
        total = len(blocked.left)
        some = np.arange(total) if total <= _SETTLE_PAIRS else np.sort(rng.choice(total, _SETTLE_PAIRS, replace=False))
        self.left, self.right = blocked.left[some], blocked.right[some]
        self.levels = self.comparer.levels(self.left, self.right)
        self.sessions = self._sessions(codes, rng, part)

    def _sessions(
        self, codes: blocking.Codes, rng: np.random.Generator, progress: Part
    ) -> list[tuple[Levels, Ints, Ints, list[int]]]:
        """For each part pairs that share it, whatever else: their levels, and the field that they agree in by rule."""
        found = []
        for number, (name, part) in enumerate(codes.parts.items()):
            progress(number / len(codes.parts))
            left, right = blocking.sample(codes, name, _SESSION_PAIRS, _SESSION_WIDTH * self.table.size, rng)
            if len(left) >= _LEAST_SESSION:
                levels = self.comparer.levels(left, right)
                found.append((levels, left, right, [list(self.fields).index(part.field)]))
        return found or [(self.levels, self.left.astype(np.int64), self.right.astype(np.int64), [])]

    def round(self, people: Ints | None, part: Part) -> tuple[Model, Scorer]:
        """Learns once. people: a person's number for each record, as far as known."""
        counts = {
            (name, aspect): count(self.table, self.comparer, name, aspect, people)
            for name, aspect in aspects(self.fields.items())
        }
        rarities = {key: _rarity(one, people is None) for key, one in counts.items()}
        rates = self._rates(people, counts, rarities)
        rarity = self.comparer.rarity(self.levels, self.left, self.right, rarities)
        extra = learn.rarity_bits(self.levels, rarity, rates, self.share)
        sessions = []
        for levels, left, right, taken in self.sessions:
            rare = learn.rarity_bits(levels, self.comparer.rarity(levels, left, right, rarities), rates, self.share)
            sessions.append(learn.session(levels, rare, taken, list(self.fields), list(rates.kin)))
        learn.expect(rates, list(self.fields), sessions, part)
        size = self.table.size
        learn.settle(
            rates,
            list(self.fields),
            self.levels,
            extra,
            size * (size - 1) / 2 * len(self.left) / len(self.blocked.left),
            learn.chance(rates, list(self.fields), sessions),
        )
        model = self._model(rates, counts, rarities, held=people is not None)
        return model, Scorer(model, self.table, self.comparer, rarities)

    def _rates(
        self, people: Ints | None, counts: dict[tuple[str, str], Counts], rarities: dict[tuple[str, str], Rarity]
    ) -> learn.Rates:
        left, right = self.strangers
        apart = np.ones(len(left), dtype=bool) if people is None else people[left] != people[right]
        levels = self.stranger_levels[apart]
        rarity = self.comparer.rarity(levels, left[apart], right[apart], rarities)
        equal = [_equal(counts[name, "value"], people is None) for name in self.fields]
        return learn.start(list(self.fields), levels, rarity, self.sizes, equal)

    def _model(
        self,
        rates: learn.Rates,
        counts: dict[tuple[str, str], Counts],
        rarities: dict[tuple[str, str], Rarity],
        *,
        held: bool,
    ) -> Model:
        """held: with the frequent texts, which scoring by the table's own rarities does without."""
        fields, made = [], learn.relations(self.fields)
        for at, (name, how) in enumerate(self.fields.items()):
            own = [aspect for field, aspect in counts if field == name]
            packed = {
                aspect: self._pack(name, aspect, counts[name, aspect], rarities[name, aspect]) for aspect in own if held
            }
            kin = {
                relation: tuple(chances[at].tolist())
                for relation, chances in rates.kin.items()
                if name in made[relation]
            }
            fields.append(
                Field(
                    name, how, tuple(rates.m[at].tolist()), tuple(rates.u[at].tolist()), tuple(rates.usual[at].tolist()), kin,
                    {aspect: counts[name, aspect].rarest() for aspect in own},
                    {aspect: hashes for aspect, (hashes, _) in packed.items()},
                    {aspect: rarest for aspect, (_, rarest) in packed.items()},
                )
            )  # fmt: skip
        # Kin so few that they change nothing are left out: scoring is the faster for it.
        related = {relation: share for relation, share in (rates.related or {}).items() if share > rates.prior / 1000}
        rules = tuple(rule.parts for rule in self.blocked.rules)
        return Model(tuple(fields), rates.prior, self.table.reading, self.blocked.limit, rules, related, _THRESHOLD)

    def _pack(self, name: str, aspect: str, one: Counts, rarity: Rarity) -> tuple[str, str]:
        texts = self.comparer.vocabularies[name].aspect(aspect)[1]
        shared = np.flatnonzero(one.holders > 1)
        kept = shared[np.argsort(-one.holders[shared], kind="stable")[:_HELD_TEXTS]]
        return pack([texts[at] for at in kept], rarity[kept])


def _rarity(one: Counts, first: bool) -> Rarity:
    if first:
        return (-np.log2(np.maximum(one.holders, 1) / one.people)).astype(np.float32)
    return one.rarity()


def _equal(one: Counts, first: bool) -> float:
    return float(((one.holders / one.people) ** 2).sum()) if first else one.equal()
