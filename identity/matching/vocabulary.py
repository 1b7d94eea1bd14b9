"""What comparing needs to know of each distinct spelling of a field, worked out once and kept as arrays. Pure."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from identity.matching import spelling
from identity.matching.texts import Texts

Ints = npt.NDArray[np.int64]
_WORDS = 4  # words of a value that are looked at


def _words(value: str) -> tuple[str, ...]:
    return tuple(value.split(" ")[:_WORDS])


# What two values may share without being equal: the frequency of that, not of the values, is what tells.
ASPECTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "value": lambda v: (v,),
    "first": lambda v: (v.partition(" ")[0],),
    "words": _words,
    "user": lambda v: (spelling.plain(v.rpartition("@")[0]).replace(" ", ""),),
    "tail": lambda v: (v[-7:],),
    "road": lambda v: (v.partition("|")[2].replace(" ", ""),),
    "sector": lambda v: (v.replace(" ", "")[:-2],),
    "area": lambda v: (v.partition(" ")[0] if " " in v else v[: len(v) // 2],),
}


class Vocabulary:
    """The distinct spellings of one field. All arrays are as long as `values`."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values
        self._aspects: dict[str, tuple[npt.NDArray[np.int32], list[str]]] = {}

    def aspect(self, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
        """(values, places) codes of what the values may share in this way, -1 for nothing, and the texts they stand for."""
        if name == "value":  # the spellings are distinct
            return np.arange(len(self.values), dtype=np.int32)[:, None], list(self.values)
        if name not in self._aspects:
            read = [ASPECTS[name](value) for value in self.values]
            codes = np.full((len(read), max(map(len, read), default=1)), -1, dtype=np.int32)
            places: dict[str, int] = {}
            for at, texts in enumerate(read):
                for place, text in enumerate(texts):
                    if text:
                        codes[at, place] = places.setdefault(text, len(places))
            self._aspects[name] = codes, list(places)
        return self._aspects[name]

    @cached_property
    def texts(self) -> Texts:
        """The spellings."""
        return Texts(self.values)

    @cached_property
    def joined(self) -> Texts:
        """The spellings without blanks."""
        return Texts([value.replace(" ", "") for value in self.values])

    @cached_property
    def several(self) -> npt.NDArray[np.bool_]:
        """More than one word."""
        return np.fromiter((" " in value for value in self.values), dtype=bool, count=len(self.values))

    @cached_property
    def length(self) -> Ints:
        """In characters."""
        return np.fromiter(map(len, self.values), dtype=np.int64, count=len(self.values))

    @cached_property
    def initial(self) -> Ints:
        """The first character."""
        return np.fromiter((ord(value[0]) for value in self.values), dtype=np.int64, count=len(self.values))

    @cached_property
    def single(self) -> npt.NDArray[np.bool_]:
        """The first word is a letter alone."""
        return np.fromiter(
            (len(value.partition(" ")[0]) == 1 for value in self.values), dtype=bool, count=len(self.values)
        )

    @cached_property
    def sound(self) -> Ints:
        """Codes of how the value sounds, its words joined."""
        return _codes([spelling.sounds(value.replace(" ", "")) for value in self.values])

    @cached_property
    def nicknames(self) -> Ints:
        """Pairs of first words of which one is short for the other, or both for a third with one initial: low * n + high,
        sorted; n is their number."""
        texts = self.aspect("first")[1]
        codes = {word: at for at, word in enumerate(texts)}
        firsts = [word for word in texts if len(word) > 1]
        by_formal: dict[str, list[str]] = {}
        for word in firsts:
            for formal in spelling.formal(word):
                by_formal.setdefault(formal, []).append(word)
        found = set()
        for formal, words in by_formal.items():
            for a in words:
                for b in words:
                    if a < b and (formal in (a, b) or a[0] == b[0]):
                        low, high = sorted((codes[a], codes[b]))
                        found.add(low * len(codes) + high)
        return np.array(sorted(found), dtype=np.int64)

    def nicknamed(self, left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Whether the first words of the values at `left` and `right` are so paired."""
        codes, texts = self.aspect("first")
        a, b = codes[left, 0].astype(np.int64), codes[right, 0].astype(np.int64)
        pairs = np.minimum(a, b) * len(texts) + np.maximum(a, b)
        if not len(self.nicknames):
            return np.zeros(len(pairs), dtype=bool)
        at = np.minimum(np.searchsorted(self.nicknames, pairs), len(self.nicknames) - 1)
        return np.asarray(self.nicknames[at] == pairs)

    @cached_property
    def digits(self) -> npt.NDArray[np.uint8]:
        """(values, 8): the characters of a date YYYY-MM-DD without its hyphens."""
        raw = "".join(f"{v[:4]}{v[5:7]}{v[8:10]}".ljust(8)[:8] for v in self.values).encode("ascii", "replace")
        return np.frombuffer(raw, dtype=np.uint8).reshape(-1, 8)

    @cached_property
    def before_at(self) -> Texts:
        """The user part of e-mail addresses."""
        return Texts([value.rpartition("@")[0] for value in self.values])

    @cached_property
    def house(self) -> Ints:
        """Codes of a street's first number, -1 for none."""
        return _codes([value.partition("|")[0].partition(" ")[0] for value in self.values])

    @cached_property
    def road(self) -> Texts:
        """A street without numbers and blanks."""
        return Texts([value.partition("|")[2].replace(" ", "") for value in self.values])


def _codes(values: Sequence[str]) -> Ints:
    places: dict[str, int] = {"": -1}
    return np.fromiter((places.setdefault(v, len(places)) for v in values), dtype=np.int64, count=len(values))
