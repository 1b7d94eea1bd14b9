"""Texts measured against each other: many pairs at once, most of them spared by bounds on what the measure can be. Pure.

The bounds rest on signatures: the bag of a text's characters (each with its first, second ... occurrence) hashed into 64
bits. A character put in or taken out flips at most one bit, one exchanged at most two, two transposed none.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

Ints = npt.NDArray[np.integer]
_FEW = 2_000  # pairs that are not worth a signature
_CLASSES = 37  # of characters: letters, digits, the blank and all others by their code
_BITS = (0, 37, 11, 48)  # where the bits of a first, second ... occurrence begin
_CHUNK = 50_000  # texts at once
_ALIKE = 0.7  # Jaro's measure from which Winkler's adds up to 0.1 for each of four characters at the start


class Texts:
    """Distinct texts, none of them compared with itself more than others."""

    def __init__(self, values: Sequence[str]) -> None:
        self.objects = np.empty(len(values), dtype=object)
        self.objects[:] = values

    @cached_property
    def length(self) -> npt.NDArray[np.int32]:
        """In characters."""
        return np.fromiter(map(len, self.objects), dtype=np.int32, count=len(self.objects))

    @cached_property
    def signature(self) -> npt.NDArray[np.uint64]:
        """The bag of characters in 64 bits."""
        starts = range(0, len(self.objects), _CHUNK)
        return np.concatenate(
            [_signatures(self.objects[at : at + _CHUNK]) for at in starts] or [np.zeros(0, np.uint64)]
        )

    def distance(self, left: Ints, right: Ints, most: int) -> npt.NDArray[np.int32]:
        """Edits (insert, delete, exchange, transpose), most + 1 where there are more than `most`."""
        out = np.full(len(left), most + 1, dtype=np.int32)
        near = self._within(left, right, lambda apart, _: apart <= 2 * most)
        out[near] = self._measure(OSA.distance, left[near], right[near], most, np.int32)
        return out

    def likeness(self, left: Ints, right: Ints, least: float) -> npt.NDArray[np.float32]:
        """Jaro-Winkler, 0 where it is below `least` (at least .7)."""
        jaro = max(_ALIKE, (least - 0.4) / 0.6) - 1e-4
        out = np.zeros(len(left), dtype=np.float32)

        def reached(apart: Ints, near: Ints) -> npt.NDArray[np.bool_]:
            a, b = self.length[left[near]].astype(np.float32), self.length[right[near]].astype(np.float32)
            shared = (a + b - apart) / 2  # at most so many characters
            return np.asarray((shared / a + shared / b + 1) / 3 >= jaro)

        near = self._within(left, right, reached)
        out[near] = self._measure(JaroWinkler.normalized_similarity, left[near], right[near], least, np.float32)
        return out

    def sorted_ratio(self, left: Ints, right: Ints, least: float) -> npt.NDArray[np.float32]:
        """100 less the share of characters to insert and delete, words sorted; 0 where it is below `least`. The texts
        are words parted by one blank each."""
        out = np.zeros(len(left), dtype=np.float32)

        def reached(apart: Ints, near: Ints) -> npt.NDArray[np.bool_]:
            both = (self.length[left[near]] + self.length[right[near]]).astype(np.float32)
            return np.asarray(apart <= (1 - least / 100) * both + 1e-3)

        near = self._within(left, right, reached)
        out[near] = self._measure(fuzz.token_sort_ratio, left[near], right[near], least, np.float32)
        return out

    def set_ratio(self, left: Ints, right: Ints) -> npt.NDArray[np.float32]:
        """100 where the words of one are all in the other."""
        return self._measure(fuzz.token_set_ratio, left, right, 100.0, np.float32).astype(np.float32, copy=False)

    def _within(self, left: Ints, right: Ints, reached: Callable[[Ints, Ints], npt.NDArray[np.bool_]]) -> Ints:
        """Places of the pairs whose signatures leave it possible. reached(bits that differ, places)."""
        every = np.arange(len(left))
        if len(left) < _FEW:
            return every
        apart = np.bitwise_count(self.signature[left] ^ self.signature[right]).astype(np.int64)
        return np.flatnonzero(reached(apart, every))

    def _measure(
        self, scorer: Callable[..., float], left: Ints, right: Ints, cutoff: float, dtype: type
    ) -> npt.NDArray[np.generic]:
        found: npt.NDArray[np.generic] = cpdist(
            self.objects[left], self.objects[right], scorer=scorer, score_cutoff=cutoff, dtype=dtype,
            workers=-1 if len(left) > 20_000 else 1,
        )  # fmt: skip
        return found


def _classes() -> npt.NDArray[np.uint8]:
    found = np.arange(128, dtype=np.uint8) % _CLASSES
    for at, letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789 "):
        found[ord(letter)] = at
    return found


_CLASS = _classes()


def _signatures(texts: npt.NDArray[np.object_]) -> npt.NDArray[np.uint64]:
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    which = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    kinds = np.where(points < 128, _CLASS[np.minimum(points, 127)], points % _CLASSES).astype(np.int64)
    counts = np.bincount(kinds * len(texts) + which, minlength=_CLASSES * len(texts)).reshape(_CLASSES, -1)
    out = np.zeros(len(texts), dtype=np.uint64)
    for kind, held in enumerate(counts):
        for times, begin in enumerate(_BITS):
            some = held > times
            if not some.any():
                break
            out |= some.astype(np.uint64) << np.uint64((begin + kind) % 64)
    return out
