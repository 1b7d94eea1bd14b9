"""Token buckets: how many may pass. Pure; moments are seconds on any clock that only moves forward.

A bucket holds at most `policy.amount` tokens and gains `policy.amount` in `policy.seconds`, evenly. So whoever pauses may
send a burst, and in any stretch of t seconds no more pass than amount * (1 + t / seconds).
"""

import math
import re
from dataclasses import dataclass

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PATTERN = re.compile(r"([1-9][0-9]{0,8})/([smhd])")
GRAMMAR = "a number of requests and s, m, h or d: 100/s, 600/m"


@dataclass(frozen=True)
class Policy:
    """So many in so many seconds."""

    amount: int
    seconds: int

    @property
    def per_second(self) -> float:
        """Tokens gained in a second."""
        return self.amount / self.seconds


def parse(text: str) -> Policy | None:
    """`100/s`, `600/m`, `1000/h`, `5000/d`; None for "" and "none": no limit. Raises ValueError."""
    word = text.strip().lower()
    if word in {"", "none"}:
        return None
    found = _PATTERN.fullmatch(word)
    if found is None:
        raise ValueError(f"a rate is {GRAMMAR}; or none")
    return Policy(int(found[1]), _UNITS[found[2]])


@dataclass(frozen=True)
class Bucket:
    """How many tokens there were at a moment."""

    tokens: float
    at: float


@dataclass(frozen=True)
class Draw:
    """What a draw gave: tokens taken (0: none), tokens left, and how many seconds until there is one again."""

    taken: int
    left: int
    wait: float


def draw(bucket: Bucket | None, policy: Policy, wanted: int, *, now: float) -> tuple[Bucket, Draw]:
    """Takes as many of `wanted` tokens as there are. A bucket that nobody has used is full."""
    held = float(policy.amount)
    if bucket is not None:
        held = min(held, bucket.tokens + max(0.0, now - bucket.at) * policy.per_second)
    taken = min(wanted, math.floor(held))
    held -= taken
    wait = 0.0 if taken or held >= 1 else (1 - held) / policy.per_second
    return Bucket(held, now), Draw(taken, math.floor(held), wait)
