"""A model: what was learnt, as data. Weights are in bits (log2 of the Bayes factor). Pure."""

import base64
import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from identity.matching import blocking
from identity.matching.compare import COMPARISONS
from identity.matching.prepare import Reading

VERSION = 1
Floats = npt.NDArray[np.float64]
# Weights are multiples of this, so that sums are exact and in any order the same, for one pair as for many.
GRAIN = 2.0**-20


class Unreadable(ValueError):
    """The text is no model of this version; says where."""


class Field(Struct, frozen=True):
    """What was learnt of one field.

    m, u: probability of each level among pairs of one person and among pairs of strangers, both having a value.
    kin: relation -> the same among pairs of that kind of kin, where it is not u. usual: the rarity (bits) at which what a
    level shares neither adds nor takes. rarest, hashes, rarities: by aspect, the rarity of a text that the model does not
    hold, and those it holds.
    """

    name: str
    compared: str
    m: tuple[float, ...]
    u: tuple[float, ...]
    usual: tuple[float, ...]
    kin: dict[str, tuple[float, ...]] = {}
    rarest: dict[str, float] = {}
    hashes: dict[str, str] = {}
    rarities: dict[str, str] = {}

    @property
    def levels(self) -> tuple[str, ...]:
        """Their names, from the strongest."""
        return COMPARISONS[self.compared].levels

    def bits(self, chances: Sequence[float] | None = None) -> Floats:
        """(levels + 1,): weight of each level against strangers, of `chances` instead of m if given; 0 for level 0
        (missing)."""
        return np.array([0.0, *(math.log2(m / u) for m, u in zip(chances or self.m, self.u, strict=True))])

    def rarity(self, aspect: str, texts: list[str]) -> npt.NDArray[np.float32]:
        """-log2 of the share of people who have each text."""
        out = np.full(len(texts), self.rarest.get(aspect, 0.0), dtype=np.float32)
        hashes = np.frombuffer(base64.b64decode(self.hashes.get(aspect, "")), dtype="<u8")
        if len(hashes) and texts:
            shares = np.frombuffer(base64.b64decode(self.rarities[aspect]), dtype="<f4")
            wanted = np.fromiter(map(hash64, texts), dtype=np.uint64, count=len(texts))
            at = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
            known = hashes[at] == wanted
            out[known] = shares[at[known]]
        return out


class Stage(Struct, frozen=True):
    """What decisions of people taught (labels.py): factors for the weights of fields and of kin, and an offset in bits.
    labels: how many decisions."""

    offset: float
    scale: dict[str, float]
    labels: int


class Model(Struct, frozen=True):
    """All that scoring needs. prior: probability that two random records are of one person; related: that they are of
    each kind of kin (learn.py). rules: the parts of blocking keys, by name (blocking.py); limit: most records in a block.
    threshold: mean probability within a cluster (partition.py)."""

    fields: tuple[Field, ...]
    prior: float
    reading: Reading = Reading()
    limit: int = 100
    rules: tuple[tuple[str, ...], ...] = ()
    related: dict[str, float] = {}
    threshold: float = 0.35
    stage: Stage | None = None
    version: int = VERSION

    def to_json(self) -> bytes:
        """As JSON text; equal models give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=1)

    @classmethod
    def from_json(cls, text: bytes | str) -> "Model":
        """Reads a model. Raises Unreadable."""
        try:
            found = msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise Unreadable(f"not a model: {error}") from None
        if found.version != VERSION:
            raise Unreadable(
                f"a model of version {found.version}; this program reads version {VERSION}: train it again"
            )
        for one in found.fields:
            wanted = COMPARISONS.get(one.compared)
            if wanted is None or any(
                len(wanted.levels) != len(x) for x in (one.m, one.u, one.usual, *one.kin.values())
            ):
                raise Unreadable(
                    f"field {one.name!r}: its levels are not those of a comparison of this version: train it again"
                )
        return found

    @property
    def compared(self) -> dict[str, str]:
        """Field -> how it is compared."""
        return {one.name: one.compared for one in self.fields}

    def parts(self) -> list[blocking.Part]:
        """The parts of blocking keys."""
        return blocking.parts_of(self.compared)

    @property
    def prior_bits(self) -> float:
        """log2 of the prior odds."""
        return float(grained(math.log2(self.prior / (1 - self.prior))))


def grained(bits: Floats | float) -> Floats:
    """Rounded to the grain."""
    return np.asarray(np.round(np.asarray(bits, dtype=np.float64) / GRAIN) * GRAIN)


def hash64(value: str) -> int:
    """A value's 64-bit hash: what a model keeps of frequent values."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "little")


def pack(texts: Sequence[str], rarities: npt.NDArray[np.float32]) -> tuple[str, str]:
    """Texts and their rarities as two base64 texts: hashes (uint64, sorted) and rarities (float32)."""
    hashes = np.fromiter(map(hash64, texts), dtype="<u8", count=len(texts))
    order = np.argsort(hashes)
    kept = rarities[order].astype("<f4")
    return base64.b64encode(hashes[order].tobytes()).decode(), base64.b64encode(kept.tobytes()).decode()
