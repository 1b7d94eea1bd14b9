"""What fields say, learnt without labels: u from random pairs, m by expectation-maximisation. Pure.

Source: Fellegi and Sunter 1969; EM for it after Winkler 1988 and Jaro 1989. As in Splink, the pairs of a blocking rule teach
nothing of the fields that the rule itself demands; all rules are learnt from together, each with its own share of matches.

Plain Fellegi-Sunter takes fields as independent among strangers, and is far too sure of a couple who share name, address,
phone and e-mail. So beside matches and strangers there are kin: latent classes of pairs that are two people, but agree in
the fields that their relation makes equal. See `relations`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.matching.progress import Part, unheard

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]
_ROUNDS, _STILL = 60, 1e-4
_MOST_CHANCE = 0.9  # some of those who share a mailbox always do so for another reason
_PLACE = frozenset(("street", "city", "postcode", "region", "country"))
# Of people: relation -> the fields that it makes equal. In all others such pairs are strangers.
RELATIONS: dict[str, frozenset[str]] = {
    "household": frozenset(("family_name", "email", "phone")) | _PLACE,
    "neighbours": _PLACE,
    "namesakes": frozenset(("given_name", "family_name", "email", "gender")),
}
# Relation -> what it tells of: mailboxes are made of names, so those of namesakes are alike or even equal by chance. Pairs of
# which no mailbox is known are no such kin: that their names agree by chance is counted already, by how rare the names are.
TOLD_BY = {"namesakes": "email"}


def relations(fields: Collection[str]) -> dict[str, frozenset[str]]:
    """The kinds of kin that records of these fields may be, and which of the fields each makes alike. What is no person has
    neighbours, too, and others of its kind: two printers of one maker are alike in title, maker and number."""
    if "given_name" in fields:
        found = {relation: held & set(fields) for relation, held in RELATIONS.items()}
    else:
        found = {"neighbours": _PLACE & set(fields), "kind": frozenset(f for f in fields if f.startswith("other:"))}
    return {relation: held for relation, held in found.items() if len(held) > 1}


def extras(fields: Sequence[str], kin: Iterable[str]) -> Floats:
    """(classes, fields): 1 where the rarity of what is shared tells of a class: matches first, then each kind of kin. What
    strangers have alike by chance is as rare for kin as for them."""
    rows, made = [np.ones(len(fields))], relations(fields)
    for relation in kin:
        held = made.get(relation, frozenset()) - {TOLD_BY.get(relation)}
        rows.append(np.array([float(one in held) for one in fields]))
    return np.stack(rows)


def unknown(fields: Sequence[str], kin: Iterable[str]) -> list[tuple[int, int]]:
    """(class, field): the class is out of the question where the field is missing."""
    return [
        (row, list(fields).index(TOLD_BY[relation]))
        for row, relation in enumerate(kin, start=1)
        if TOLD_BY.get(relation) in fields
    ]


@dataclass(slots=True)
class Rates:
    """Per field, the chance of each level: among matches (m), strangers (u) and each kind of kin; and the rarity (bits) at
    which what a level shares neither adds nor takes. `share`: of all pairs of records, how many are matches, and how many
    each kind of kin."""

    m: list[Floats]
    u: list[Floats]
    usual: list[Floats]
    kin: dict[str, list[Floats]]
    prior: float = 1e-4
    related: dict[str, float] | None = None

    def bits(self, chances: Sequence[Floats] | None = None) -> list[Floats]:
        """Weight of each level against strangers, with 0 for missing in front."""
        return [np.concatenate(([0.0], np.log2(m / u))) for m, u in zip(chances or self.m, self.u, strict=True)]


def start(
    fields: Sequence[str], levels: Levels, rarity: npt.NDArray[np.float32], sizes: Sequence[int], equal: Sequence[float]
) -> Rates:
    """u from random pairs of strangers; m and kin as EM starts from. equal: the exact chance that two people are equal in a
    field, since a sample sees rare agreement too seldom."""
    us, usual = [], []
    for at, size in enumerate(sizes):
        counts = np.bincount(levels[:, at], minlength=size + 1)[1:].astype(np.float64)
        total = counts.sum()
        u = (counts + 0.5 / size) / (total + 0.5)
        exact = min(max(equal[at], 1e-9), 0.99)
        u[0] = exact
        u[1:] *= (1 - exact) / u[1:].sum()
        us.append(u)
        sums = np.bincount(levels[:, at], weights=rarity[:, at], minlength=size + 1)[1:]
        # For equal values frequency's weight is log2(u / share): u itself. Elsewhere the mean over strangers.
        mean = np.where(counts > 5, sums / np.maximum(counts, 1), -np.log2(exact))
        mean[0] = -np.log2(exact)
        usual.append(mean)
    agree = [_agreeing(size) for size in sizes]
    kin = {
        relation: [(a + u) / 2 if f in held else u for f, a, u in zip(fields, agree, us, strict=True)]
        for relation, held in relations(fields).items()
    }
    return Rates(agree, us, usual, kin)


def _agreeing(size: int) -> Floats:
    """Where EM starts: mostly equal, then the other levels from the strongest down."""
    chances = 0.7 ** np.arange(size)
    chances[0] = 4.0
    return np.asarray(chances / chances.sum())


def rarity_bits(levels: Levels, rarity: npt.NDArray[np.float32], rates: Rates, share: Sequence[Floats]) -> Floats:
    """(pairs, fields): what the rarity of what is shared adds."""
    out = np.zeros(levels.shape)
    for at, how_far in enumerate(share):
        far, usual = np.concatenate(([0.0], how_far)), np.concatenate(([0.0], rates.usual[at]))
        out[:, at] = far[levels[:, at]] * (rarity[:, at] - usual[levels[:, at]])
    return out


@dataclass(slots=True)
class Session:
    """Pairs of one blocking rule. patterns: the distinct combinations of levels among them; which: each pair's place in
    them. use: the fields it can teach; taken: the others. extra: (classes, pairs) bits added for rarity, of those fields.
    out: (classes, patterns) what a class is out of the question for."""

    patterns: Levels
    which: npt.NDArray[np.intp]
    extra: Floats
    out: npt.NDArray[np.bool_]
    use: list[int]
    taken: list[int]
    shares: Floats  # of matches, each kind of kin, strangers


def session(
    levels: Levels, extra: Floats, taken: Sequence[int], fields: Sequence[str], relations: Sequence[str]
) -> Session:
    """A session of pairs that agree in the fields `taken`."""
    use = [at for at in range(levels.shape[1]) if at not in taken]
    kinds = len(relations)
    shares = np.array([0.05, *[0.05 / max(kinds, 1)] * kinds, 0.0])
    shares[-1] = 1 - shares.sum()
    rows = np.ascontiguousarray(levels).view(np.dtype((np.void, levels.shape[1]))).ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    patterns = levels[first]
    out = np.zeros((1 + kinds, len(patterns)), dtype=bool)
    for row, at in unknown(fields, relations):
        out[row] = patterns[:, at] == 0
    return Session(patterns, which, extras(fields, relations)[:, use] @ extra[:, use].T, out, use, list(taken), shares)


def expect(rates: Rates, fields: Sequence[str], sessions: Sequence[Session], part: Part = unheard) -> None:
    """EM over all sessions together; changes m and kin of `rates` in place."""
    made = relations(fields)
    for turn in range(_ROUNDS):
        part(turn / _ROUNDS)
        # A pinch of the strangers' chances: what was never seen is not impossible.
        fresh = [[0.1 / len(u) + 2 * u for u in rates.u] for _ in range(1 + len(rates.kin))]
        classes = [rates.bits(), *(rates.bits(kin) for kin in rates.kin.values())]
        for one in sessions:
            chances = _classes(one, classes)
            one.shares = np.maximum(chances.mean(axis=1), 1e-7)
            for counts, chance in zip(fresh, chances, strict=False):
                sums = np.bincount(one.which, weights=chance, minlength=len(one.patterns))
                for at in one.use:
                    counts[at] = (
                        counts[at] + np.bincount(one.patterns[:, at], weights=sums, minlength=len(counts[at]) + 1)[1:]
                    )
        before = rates.m
        rates.m = [counts / counts.sum() for counts in fresh[0]]
        for (relation, held), counts in zip(rates.kin.items(), fresh[1:], strict=True):
            free = made[relation]
            rates.kin[relation] = [
                c / c.sum() if f in free else u for f, c, u in zip(fields, counts, held, strict=True)
            ]
        if max(float(np.abs(a - b).max()) for a, b in zip(rates.m, before, strict=True)) < _STILL:
            break


def _classes(one: Session, classes: Sequence[Sequence[Floats]]) -> Floats:
    """(classes, pairs): the chance of each class, strangers last."""
    odds = np.empty((len(classes) + 1, len(one.which)))
    for row, columns in enumerate(classes):
        pattern = np.full(len(one.patterns), np.log2(one.shares[row]))
        for at in one.use:
            pattern += columns[at][one.patterns[:, at]]
        pattern[one.out[row]] = -np.inf
        odds[row] = pattern[one.which] + one.extra[row]
    odds[-1] = np.log2(one.shares[-1])
    odds -= odds.max(axis=0)
    np.exp2(odds, out=odds)
    odds /= odds.sum(axis=0)
    return odds


def by_chance(column: Floats, share: float) -> tuple[Floats, Floats]:
    """Of strangers at each level of what tells of a relation, so many are such kin, and so many none: as bits, to be added to
    the share's and to nothing. column: the weight of each level, missing first."""
    share = max(share, 1e-30)
    part = np.minimum(share * np.exp2(column), _MOST_CHANCE)
    part[0] = 0.0
    return np.log2(np.maximum(part, 1e-90) / share), np.log2(1 - part)


def settle(
    rates: Rates, fields: Sequence[str], levels: Levels, extra: Floats, pairs: float, known: Mapping[str, float]
) -> None:
    """The prior, and the shares of kin: EM over all candidates. pairs: how many pairs of records there are at all; those
    that are no candidates are taken for strangers. known: shares that were learnt before."""
    bits = extras(fields, rates.kin) @ extra.T
    classes = [rates.bits(), *(rates.bits(kin) for kin in rates.kin.values())]
    none = np.zeros(len(levels))
    for row, at in unknown(fields, rates.kin):
        classes[row][at], rest = by_chance(classes[row][at], known[list(rates.kin)[row - 1]])
        none += rest[levels[:, at]]
    for row, columns in enumerate(classes):
        for at, column in enumerate(columns):
            bits[row] += column[levels[:, at]]
    bits -= none  # odds against those who are nobody's kin
    # What speaks for nothing but strangers counts for nothing here: shares are small, and there are many such pairs.
    bits = bits[:, bits.max(axis=0) > 0]
    fixed = np.array([known.get(relation, np.nan) for relation in ("", *rates.kin)])
    shares = np.where(np.isnan(fixed), 1e-4, fixed)
    for _ in range(100):
        full = bits + np.log2(shares)[:, None]
        top = np.maximum(full.max(axis=0), 0)
        odds = np.exp2(full - top)
        odds /= odds.sum(axis=0) + np.exp2(-top)
        fresh = np.where(np.isnan(fixed), np.clip(odds.sum(axis=1) / pairs, 1e-12, 0.5), fixed)
        still = float(np.abs(fresh / shares - 1).max()) < 1e-3
        shares = fresh
        if still:
            break
    rates.prior = float(shares[0])
    rates.related = dict(zip(rates.kin, shares[1:].tolist(), strict=True))


def chance(rates: Rates, fields: Sequence[str], sessions: Sequence[Session]) -> dict[str, float]:
    """The shares of kin who are alike by chance in what tells of them (`TOLD_BY`): of the strangers that agree in it (a
    session of that very field) so many are such kin, and of such kin so many agree in it. Candidates would not tell: most of
    these kin are none. Where no two share it, there are no such kin."""
    found = {}
    for row, at in unknown(fields, rates.kin):
        relation = list(rates.kin)[row - 1]
        theirs = [one.shares[row] / (1 - one.shares[0]) for one in sessions if one.taken == [at]]
        share = float(np.mean(theirs)) * rates.u[at][0] / rates.kin[relation][at][0] if theirs else 0.0
        found[relation] = float(np.clip(share, 1e-12, 0.5))
    return found
