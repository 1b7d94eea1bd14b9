"""A model: what was learnt, as data. Weights are in bits (log2 of the Bayes factor). Pure."""

import base64
import hashlib
import math
from collections.abc import Mapping

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
    usual: for each level, the -log2 share at which a value's frequency neither adds nor takes; frequent: how far frequency counts.
    rarest: -log2 share of a value that the table does not hold. table: hashes of frequent values -> -log2 share, see `pack`.
    """

    name: str
    compared: str
    m: tuple[float, ...]
    u: tuple[float, ...]
    usual: tuple[float, ...]
    frequent: tuple[float, ...]
    rarest: float
    hashes: str = ""
    rarities: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """Their names, from the strongest."""
        return COMPARISONS[self.compared].levels

    def bits(self) -> Floats:
        """(levels + 1,): weight of each level, 0 bits for level 0 (missing)."""
        return grained(np.array([0.0, *(math.log2(m / u) for m, u in zip(self.m, self.u, strict=True))]))


class Calibration(Struct, frozen=True):
    """From the sum of weights to a probability that means what it says: see calibration.py.

    scale: field -> factor of its weight; together: (field, field, bits) taken off when both agree; offset, in bits.
    """

    offset: float = 0.0
    scale: dict[str, float] = {}
    together: tuple[tuple[str, str, float], ...] = ()


class Model(Struct, frozen=True):
    """All that scoring needs. prior: probability that two random records are of one person. limit: records in a block."""

    fields: tuple[Field, ...]
    prior: float
    reading: Reading = Reading()
    limit: int = 100
    threshold: float = 0.5
    calibration: Calibration = Calibration()
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
            if wanted is None or any(len(wanted.levels) != len(x) for x in (one.m, one.u, one.usual, one.frequent)):
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


def pack(rarities: Mapping[str, float]) -> tuple[str, str]:
    """Values -> -log2 share, as two base64 texts: hashes (uint64, sorted) and shares (float32)."""
    pairs = sorted((hash64(value), rarity) for value, rarity in rarities.items())
    hashes = np.array([h for h, _ in pairs], dtype="<u8")
    shares = np.array([r for _, r in pairs], dtype="<f4")
    return base64.b64encode(hashes.tobytes()).decode(), base64.b64encode(shares.tobytes()).decode()


def rarities_of(one: Field, values: list[str]) -> npt.NDArray[np.float32]:
    """-log2 share of each value, float32."""
    out = np.full(len(values), one.rarest, dtype=np.float32)
    hashes = np.frombuffer(base64.b64decode(one.hashes), dtype="<u8")
    if len(hashes) and values:
        shares = np.frombuffer(base64.b64decode(one.rarities), dtype="<f4")
        wanted = np.fromiter(map(hash64, values), dtype=np.uint64, count=len(values))
        at = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
        known = hashes[at] == wanted
        out[known] = shares[at[known]]
    return out
