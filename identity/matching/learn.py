"""What fields say, learnt without labels: u from random pairs, m by expectation-maximisation. Pure.

Source: Fellegi and Sunter 1969; EM for it after Winkler 1988 and Jaro 1989. As in Splink, the pairs of a blocking rule teach
nothing of the fields that the rule itself demands; all rules are learnt from together, each with its own share of matches.

Plain Fellegi-Sunter takes fields as independent among strangers, and is far too sure of a couple who share name, address,
phone and e-mail. So beside matches and strangers there are kin: latent classes of pairs that are two people, but agree in
the fields that their relation makes equal. See `RELATIONS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]
_ROUNDS, _STILL = 60, 1e-4
_PLACE = frozenset(("street", "city", "postcode", "region", "country"))
# Relation -> how the fields compare that it makes equal, and fields by name. In all others such pairs are strangers.
RELATIONS: dict[str, frozenset[str]] = {
    "household": frozenset(("family_name", "email", "phone")) | _PLACE,
    "neighbours": _PLACE,
    "namesakes": frozenset(("given_name", "family_name", "email", "gender")),
}


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
    kin = {}
    for relation, held in RELATIONS.items():
        if len(held & set(fields)) > 1 and "given_name" in fields:
            kin[relation] = [(a + u) / 2 if f in held else u for f, a, u in zip(fields, agree, us, strict=True)]
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
    them. use: the fields it can teach. extra: bits added for rarity, of those fields."""

    patterns: Levels
    which: npt.NDArray[np.intp]
    extra: Floats
    use: list[int]
    shares: Floats  # of matches, each kind of kin, strangers


def session(levels: Levels, extra: Floats, taken: Sequence[int], kinds: int) -> Session:
    """A session of pairs that agree in the fields `taken`."""
    use = [at for at in range(levels.shape[1]) if at not in taken]
    shares = np.array([0.05, *[0.05 / max(kinds, 1)] * kinds, 0.0])
    shares[-1] = 1 - shares.sum()
    rows = np.ascontiguousarray(levels).view(np.dtype((np.void, levels.shape[1]))).ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    return Session(levels[first], which, extra[:, use].sum(axis=1), use, shares)


def expect(rates: Rates, fields: Sequence[str], sessions: Sequence[Session]) -> None:
    """EM over all sessions together; changes m and kin of `rates` in place."""
    for _ in range(_ROUNDS):
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
            free = RELATIONS[relation]
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
        odds[row] = pattern[one.which] + one.extra
    odds[-1] = np.log2(one.shares[-1])
    odds -= odds.max(axis=0)
    np.exp2(odds, out=odds)
    odds /= odds.sum(axis=0)
    return odds


def settle(rates: Rates, levels: Levels, extra: Floats, pairs: float) -> None:
    """The prior, and the shares of kin: EM over all candidates. pairs: how many pairs of records there are at all; those
    that are no candidates are taken for strangers."""
    sums = extra.sum(axis=1)
    bits = np.stack([sums] * (1 + len(rates.kin)))
    for row, columns in enumerate([rates.bits(), *(rates.bits(kin) for kin in rates.kin.values())]):
        for at, column in enumerate(columns):
            bits[row] += column[levels[:, at]]
    # What speaks for nothing but strangers counts for nothing here: shares are small, and there are many such pairs.
    bits = bits[:, bits.max(axis=0) > 0]
    shares = np.full(len(bits), 1e-4)
    for _ in range(100):
        full = bits + np.log2(shares)[:, None]
        top = np.maximum(full.max(axis=0), 0)
        odds = np.exp2(full - top)
        odds /= odds.sum(axis=0) + np.exp2(-top)
        fresh = np.clip(odds.sum(axis=1) / pairs, 1e-12, 0.5)
        still = float(np.abs(fresh / shares - 1).max()) < 1e-3
        shares = fresh
        if still:
            break
    rates.prior = float(shares[0])
    rates.related = dict(zip(rates.kin, shares[1:].tolist(), strict=True))


def weigh(rates: Rates, levels: Levels, extra: Floats) -> Floats:
    """(pairs,): weight in bits with the prior; kin taken into account."""
    for_match = extra.sum(axis=1)
    against = [for_match + np.log2(share / (1 - rates.prior)) for share in (rates.related or {}).values()]
    for at, column in enumerate(rates.bits()):
        for_match = for_match + column[levels[:, at]]
    for row, kin in enumerate(rates.kin.values()):
        for at, column in enumerate(rates.bits(kin)):
            against[row] = against[row] + column[levels[:, at]]
    total = sum((np.exp2(bits.clip(-300, 300)) for bits in against), np.ones(len(levels)))
    return np.asarray(for_match + np.log2(rates.prior / (1 - rates.prior)) - np.log2(total))
