"""Where buckets stand: in Valkey for all processes together, or in this process alone (docs/decisions/0008).

A process draws tokens ahead (see `ahead`) and hands them out from memory: so most requests cost a dictionary look-up,
and all processes together let pass what the policy says, and at most what each had drawn ahead besides.
"""

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import structlog

from cdp.access.buckets import Bucket, Draw, Policy, draw

if TYPE_CHECKING:  # a quarter of a second to load: only where requests are counted
    from redis import Redis

PATIENCE = 0.1  # seconds to wait for Valkey before this process counts alone
RETRY = 5.0  # seconds until it is tried again
REMEMBERED = 20_000
log = structlog.get_logger(__name__)

# KEYS[1] bucket; ARGV amount, seconds, wanted. Valkey's own clock, so that the clocks of machines need not agree.
_LUA = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local amount, seconds, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local held = amount
if kept[1] then held = math.min(amount, kept[1] + math.max(0, now - kept[2]) * amount / seconds) end
local taken = math.min(wanted, math.floor(held))
held = held - taken
redis.call('HSET', KEYS[1], 'tokens', tostring(held), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], seconds + 1)
local wait = 0
if taken == 0 and held < 1 then wait = (1 - held) * seconds / amount end
return {taken, math.floor(held), tostring(wait)}
"""


def ahead(policy: Policy) -> int:
    """How many tokens to draw at once: a 20th of the bucket and at most what it gains in a second, so that little waits
    unused in a process; one at a time where rates are low."""
    return max(1, min(policy.amount // 20, math.ceil(policy.per_second)))


class Store(Protocol):
    """Where a bucket stands."""

    def draw(self, name: str, policy: Policy, wanted: int, *, now: float) -> Draw:
        """Takes up to `wanted` tokens from the bucket of this name."""


class Alone:
    """Buckets of this process. With several processes each gets an even share of the policy."""

    def __init__(self, processes: int = 1) -> None:
        self._share = max(1, processes)
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def draw(self, name: str, policy: Policy, wanted: int, *, now: float) -> Draw:
        """See `Store`."""
        own = Policy(max(1, policy.amount // self._share), policy.seconds)
        with self._lock:
            if len(self._buckets) > REMEMBERED:
                self._buckets.clear()  # full buckets again: forgetting errs on the side of letting pass
            self._buckets[name], drawn = draw(self._buckets.get(name), own, wanted, now=now)
        return drawn


def client_of(url: str) -> "Redis | None":
    """A client for a Valkey or Redis URL, also as Celery writes it (`redis+socket://`); None for another broker's."""
    scheme = urlsplit(url).scheme
    if scheme not in {"redis", "rediss", "unix", "redis+socket"}:
        return None
    from redis import Redis

    return Redis.from_url(
        url.replace("redis+socket://", "unix://", 1), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


class Together:
    """Buckets in Valkey. While it is away this process counts alone: a limit must not close the door."""

    def __init__(self, client: Any, alone: Alone) -> None:
        from redis import RedisError

        self._error: type[Exception] = RedisError
        self._script = client.register_script(_LUA)
        self._alone = alone
        self._away_until = 0.0

    def draw(self, name: str, policy: Policy, wanted: int, *, now: float) -> Draw:
        """See `Store`."""
        if now >= self._away_until:
            try:
                taken, left, wait = self._script(
                    keys=[f"cdp:rate:{name}"], args=[policy.amount, policy.seconds, wanted]
                )
                return Draw(int(taken), int(left), float(wait))
            except self._error as error:
                self._away_until = now + RETRY
                log.warning("rates.store_away", error=type(error).__name__)
        return self._alone.draw(name, policy, wanted, now=now)


@dataclass
class _Purse:
    """Tokens that this process has drawn ahead, what the bucket still had then, and until when none can be drawn."""

    tokens: int
    left: int
    empty_until: float = 0.0


class Tokens:
    """Hands out tokens of many buckets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._purses: dict[str, _Purse] = {}
        self._lock = threading.Lock()

    def take(self, name: str, policy: Policy, *, now: float | None = None) -> Draw:
        """One token of a bucket: `taken` is 1 or 0."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            purse = self._purses.get(name)
            if purse is not None and purse.tokens:
                purse.tokens -= 1
                return Draw(1, purse.left + purse.tokens, 0.0)
            if purse is not None and moment < purse.empty_until:
                return Draw(0, 0, purse.empty_until - moment)
        return self._refill(name, policy, moment)

    def _refill(self, name: str, policy: Policy, moment: float) -> Draw:
        # Outside of the lock: a slow store holds up one caller, not all. Two threads may draw at once; both draws count.
        drawn = self._store.draw(name, policy, ahead(policy), now=moment)
        with self._lock:
            if len(self._purses) > REMEMBERED:
                self._purses.clear()
            old = self._purses.get(name)
            kept = old.tokens if old is not None else 0
            purse = _Purse(kept + max(0, drawn.taken - 1), drawn.left, moment + drawn.wait)
            self._purses[name] = purse
            return Draw(min(1, drawn.taken), drawn.left + purse.tokens, drawn.wait)
