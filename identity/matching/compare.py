"""Comparisons in graded levels, over arrays of pairs of spellings. Pure, and symmetric in left and right.

A level is a number: 0 where either side says nothing, then 1 for the strongest. The last level of each comparison is
"different".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity.matching.vocabulary import Vocabulary

Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Comparison:
    """levels: names from the strongest to the weakest. shared: for each level, what the two values share (an aspect of
    vocabulary.py) and how far (0 to 1) the frequency of that tells; where they are alike only, that of the more frequent value.
    judge(vocabulary, left, right): levels of pairs of codes that differ (equal codes are level 1)."""

    levels: tuple[str, ...]
    shared: tuple[tuple[str, float], ...]
    judge: Callable[[Vocabulary, Ints, Ints], Levels]

    def of(self, vocabulary: Vocabulary, left: Ints, right: Ints) -> Levels:
        """Levels of pairs of codes, 0 where one is -1."""
        out = np.zeros(len(left), dtype=np.uint8)
        out[(left == right) & (left >= 0)] = 1
        rest = np.flatnonzero((left != right) & (left >= 0) & (right >= 0))
        if len(rest):
            out[rest] = self.judge(vocabulary, left[rest], right[rest])
        return out


class _Cascade:
    """Gives each pair the first level whose test it passes; costly tests see only what is left."""

    def __init__(self, left: Ints, right: Ints, last: int) -> None:
        self.left, self.right = left, right
        self.out = np.full(len(left), last, dtype=np.uint8)
        self.open = np.arange(len(left))

    def take(self, level: int, test: Callable[[Ints, Ints], Bools]) -> None:
        if not len(self.open):
            return
        passed = test(self.left[self.open], self.right[self.open])
        self.out[self.open[passed]] = level
        self.open = self.open[~passed]

    def take_bands(
        self, bands: tuple[tuple[int, float], ...], measure: Callable[[Ints, Ints], npt.NDArray[np.float32]]
    ) -> None:
        """bands: (level, at least), from the highest."""
        if not len(self.open):
            return
        found = measure(self.left[self.open], self.right[self.open])
        left = np.ones(len(found), dtype=bool)
        for level, least in bands:
            passed = left & (found >= least)
            self.out[self.open[passed]] = level
            left &= ~passed
        self.open = self.open[left]


def _share_word(v: Vocabulary, left: Ints, right: Ints) -> Bools:
    out = np.zeros(len(left), dtype=bool)
    words = v.aspect("words")[0]
    some = np.flatnonzero(v.several[left] | v.several[right])
    a, b = words[left[some]], words[right[some]]
    hit = np.zeros(len(some), dtype=bool)
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            hit |= (a[:, i] == b[:, j]) & (a[:, i] >= 0)
    out[some] = hit
    return out


def _same(v: Vocabulary, aspect: str, left: Ints, right: Ints) -> Bools:
    codes = v.aspect(aspect)[0][:, 0]
    return np.asarray((codes[left] == codes[right]) & (codes[left] >= 0))


def _given(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 10)
    c.take(2, lambda a, b: _same(v, "first", a, b))
    c.take(3, v.nicknamed)
    c.take(5, lambda a, b: (v.single[a] | v.single[b]) & (v.initial[a] == v.initial[b]))
    c.take(6, lambda a, b: _share_word(v, a, b))
    c.take(4, lambda a, b: (np.minimum(v.length[a], v.length[b]) > 3) & (v.joined.distance(a, b, 1) <= 1))
    c.take_bands(((7, 0.88), (8, 0.75)), lambda a, b: v.joined.likeness(a, b, 0.75))
    return c.out


def _family(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 8)
    c.take(2, lambda a, b: _share_word(v, a, b))
    c.take(3, lambda a, b: (np.minimum(v.length[a], v.length[b]) > 3) & (v.joined.distance(a, b, 1) <= 1))
    c.take(4, lambda a, b: v.sound[a] == v.sound[b])
    c.take_bands(((5, 0.88), (6, 0.75)), lambda a, b: v.joined.likeness(a, b, 0.75))
    return c.out


def _date(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    a, b = v.digits[left], v.digits[right]
    differ = a != b
    year, month, day = ~differ[:, :4].any(axis=1), ~differ[:, 4:6].any(axis=1), ~differ[:, 6:].any(axis=1)
    none = (v.digits[:, 4:] == ord("0")).all(axis=1)
    partial = none[left] | none[right]
    slips = differ.sum(axis=1)
    # Two neighbours exchanged: exactly two characters differ, and crosswise they are the same.
    swap = np.zeros(len(left), dtype=bool)
    for at in range(7):
        swap |= (
            (a[:, at] == b[:, at + 1]) & (a[:, at + 1] == b[:, at]) & (slips == 2) & differ[:, at] & differ[:, at + 1]
        )
    turned = year & (a[:, 4:6] == b[:, 6:]).all(axis=1) & (a[:, 6:] == b[:, 4:6]).all(axis=1)
    out = np.full(len(left), 8, dtype=np.uint8)
    year_slips = differ[:, :4].sum(axis=1)
    out[(year_slips <= 1)] = 7
    out[(year_slips <= 1) & partial] = 6
    out[year | (slips == 2)] = 5
    out[year & partial] = 4
    out[(year & (month | day) & ~partial) | (month & day & ~partial)] = 4
    out[turned & ~partial] = 3
    out[((slips == 1) | swap) & ~(none[left] & none[right])] = 2
    return out


def _email(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 5)
    c.take(2, lambda a, b: _same(v, "user", a, b))
    c.take(3, lambda a, b: v.texts.distance(a, b, 2) <= 2)
    c.take_bands(((4, 0.88),), lambda a, b: v.before_at.likeness(a, b, 0.88))
    return c.out


def _phone(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 4)
    c.take(2, lambda a, b: _same(v, "tail", a, b))
    c.take(3, lambda a, b: v.texts.distance(a, b, 1) <= 1)
    return c.out


def _street(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    same_house = (v.house[left] == v.house[right]) & (v.house[left] >= 0)
    road = v.aspect("road")[0][:, 0]
    named = (road[left] >= 0) & (road[right] >= 0)
    same_road = named & (road[left] == road[right])
    alike = same_road.copy()
    rest = np.flatnonzero(named & ~same_road)
    if len(rest):
        alike[rest] = v.road.likeness(left[rest], right[rest], 0.88) >= 0.88
    out = np.full(len(left), 6, dtype=np.uint8)
    out[same_house] = 5
    out[alike] = 4
    out[same_road] = 3
    out[alike & same_house] = 2
    out[same_road & same_house] = 1
    return out


def _postcode(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 5)
    c.take(2, lambda a, b: v.joined.distance(a, b, 1) <= 1)
    c.take(3, lambda a, b: _same(v, "sector", a, b))
    c.take(4, lambda a, b: _same(v, "area", a, b))
    return c.out


def _code(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    c = _Cascade(left, right, 4)
    c.take_bands(((2, -1.0), (3, -2.0)), lambda a, b: -v.joined.distance(a, b, 2).astype(np.float32))
    return c.out


def _text(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    out = np.full(len(left), 6, dtype=np.uint8)
    ratio = v.texts.sorted_ratio(left, right, 55.0)
    for level, least in ((5, 55.0), (4, 75.0), (2, 90.0)):
        out[ratio >= least] = level
    rest = np.flatnonzero((out > 2) & (v.several[left] | v.several[right]))
    out[rest[v.texts.set_ratio(left[rest], right[rest]) >= 100]] = 3
    return out


def _category(v: Vocabulary, left: Ints, right: Ints) -> Levels:
    return np.full(len(left), 2, dtype=np.uint8)


_NOTHING = ("", 0.0)
_EQUAL, _ALIKE = ("value", 1.0), ("value", 0.7)
COMPARISONS: dict[str, Comparison] = {
    "given": Comparison(
        ("equal", "and a further name", "nickname", "one slip", "initial", "one of several", "alike", "somewhat alike",
         "in the other name", "different"),
        (_EQUAL, ("first", 1.0), _ALIKE, _ALIKE, _NOTHING, ("words", 1.0), ("value", 0.3), _NOTHING, _NOTHING, _NOTHING), _given,
    ),
    "family": Comparison(
        ("equal", "one of several", "one slip", "sounds the same", "alike", "somewhat alike", "in the other name", "different"),
        (_EQUAL, ("words", 1.0), _ALIKE, ("value", 0.5), ("value", 0.3), _NOTHING, _NOTHING, _NOTHING), _family,
    ),
    "date": Comparison(
        ("equal", "one slip", "day and month swapped", "two of three parts, or the year is all there is",
         "same year, or two slips",
         "year one slip off, no day known", "year one slip off", "different"),
        (_EQUAL, *(_NOTHING,) * 7), _date,
    ),
    "email": Comparison(
        ("equal", "same user", "one or two slips", "user alike", "different"),
        (_EQUAL, ("user", 1.0), ("value", 0.5), _NOTHING, _NOTHING), _email,
    ),
    "phone": Comparison(
        ("equal", "same last digits", "one slip", "different"), (_EQUAL, ("tail", 1.0), ("value", 0.5), _NOTHING), _phone
    ),
    "street": Comparison(
        ("equal", "number equal, street alike", "street equal, number not", "street alike, number not", "number alone",
         "different"),
        (_EQUAL, _ALIKE, ("road", 1.0), _NOTHING, _NOTHING, _NOTHING), _street,
    ),
    "postcode": Comparison(
        ("equal", "one slip", "same sector", "same area", "different"),
        (_EQUAL, ("value", 0.5), ("sector", 1.0), ("area", 1.0), _NOTHING), _postcode,
    ),
    "code": Comparison(("equal", "one slip", "two slips", "different"), (_EQUAL, ("value", 0.5), _NOTHING, _NOTHING), _code),
    "text": Comparison(
        ("equal", "nearly equal", "one within the other", "alike", "somewhat alike", "different"),
        (_EQUAL, _ALIKE, ("value", 0.5), ("value", 0.3), _NOTHING, _NOTHING), _text,
    ),
    "category": Comparison(("equal", "different"), (_EQUAL, _NOTHING), _category),
}  # fmt: skip
