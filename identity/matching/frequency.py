"""How many people share a value: term frequencies, of people and not of records. Pure.

A person's own duplicates make a rare name look frequent, so values are counted once for each person, as far as those are known.
Two records that share a value are one holder too many if they are one person; so what counts is how many *others* have it,
and for the values that nobody else was seen to have, Good and Turing's estimate (Good 1953).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from identity.matching.arrays import distinct
from identity.matching.compare import COMPARISONS
from identity.matching.patterns import Comparer, Rarity
from identity.matching.table import Table

Ints = npt.NDArray[np.int64]


class Counts:
    """Holders of each text of an aspect. `people`: how many hold any."""

    def __init__(self, holders: Ints, people: int) -> None:
        self.holders, self.people = holders, max(people, 1)

    @property
    def unseen(self) -> float:
        """How many more holders a value has that one person was seen with: Good-Turing's 2 * n2 / n1, between 0.05 and 1."""
        ones, twos = int((self.holders == 1).sum()), int((self.holders == 2).sum())
        return float(np.clip(2 * (twos + 0.5) / (ones + 1), 0.05, 1.0))

    def equal(self) -> float:
        """The chance that two people are equal here: without bias, k(k-1) / n(n-1)."""
        pairs = float((self.holders * (self.holders - 1)).sum()) + self.unseen * 0.5
        return pairs / (self.people * max(self.people - 1, 1))

    def rarity(self) -> Rarity:
        """-log2 of the share of other people who hold each text."""
        return (-np.log2((self.holders - 1 + self.unseen) / self.people)).clip(min=0).astype(np.float32)

    def rarest(self) -> float:
        """That of a text nobody was seen with."""
        return float(np.float32(-np.log2(self.unseen / self.people)))


def aspects(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(field, aspect) of all that is counted, the values themselves first."""
    found = []
    for name, how in fields:
        used = {aspect for aspect, share in COMPARISONS[how].shared if share}
        found += [(name, aspect) for aspect in sorted(used, key=lambda a: (a != "value", a))]
    return found


def count(table: Table, comparer: Comparer, name: str, aspect: str, people: Ints | None = None) -> Counts:
    """Counts the holders. people: a person's number for each record; without it each record is a person."""
    codes = table.columns[name].codes
    texts, places = comparer.vocabularies[name].aspect(aspect)
    padded = np.vstack((texts, np.full((1, texts.shape[1]), -1, dtype=texts.dtype)))
    held = padded[codes].reshape(table.size, -1).astype(np.int64)
    who = np.arange(table.size, dtype=np.int64) if people is None else people
    some = held >= 0
    flat = (who[:, None] * (len(places) + 1) + held)[some]
    if people is not None or held.shape[1] > 1:
        flat = distinct(flat)
    holders = np.bincount(flat % (len(places) + 1), minlength=len(places))
    total = len(distinct(who[some.any(axis=1)])) if people is not None else int(some.any(axis=1).sum())
    return Counts(holders.astype(np.int64), total)
