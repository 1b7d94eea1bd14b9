"""How often a caller may ask: per API key, per signed-in person, and per source.

Answers tell what is left (IETF draft-ietf-httpapi-ratelimit-headers-10); one that is refused says when to come back. The
headers count this caller's requests only: nothing about anybody else can be learnt from them.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from cdp.access.buckets import Draw, Policy, parse
from cdp.access.keys import ServiceAccount
from cdp.access.problems import Problem
from cdp.access.tokens import Alone, Together, Tokens, client_of


@dataclass(frozen=True)
class Allowance:
    """What a caller has left of a policy after this request."""

    policy: Policy
    drawn: Draw

    @property
    def granted(self) -> bool:
        """May this request pass?"""
        return bool(self.drawn.taken)

    @property
    def retry_after(self) -> int:
        """Whole seconds until the next one may."""
        return max(1, math.ceil(self.drawn.wait))


@functools.cache
def tokens() -> Tokens:
    """This process's tokens: drawn from Valkey where there is one, else an even share by process."""
    alone = Alone(settings.WEB_PROCESSES)
    client = client_of(settings.RATE_LIMIT_URL)
    return Tokens(Together(client, alone) if client is not None else alone)


@functools.lru_cache(maxsize=1024)
def policy(text: str) -> Policy | None:
    """`buckets.parse`, remembered."""
    return parse(text)


def spend(request: Any) -> Allowance | None:
    """One request of the caller's; None where there is no limit (and for who is not known: that answers 401 anyway)."""
    who = request.user
    if isinstance(who, ServiceAccount):
        name, limit = f"key:{who.key.pk}", policy(who.key.rate or settings.RATE_LIMIT_KEYS)
    elif getattr(who, "pk", None) is not None:
        name, limit = f"user:{who.pk}", policy(settings.RATE_LIMIT_PEOPLE)
    else:
        return None
    return None if limit is None else Allowance(limit, tokens().take(name, limit))


def within(name: str, limit: Policy) -> bool:
    """One of whatever `name` counts: whether it may be."""
    return Allowance(limit, tokens().take(name, limit)).granted


def wire_wait(source_id: UUID) -> int:
    """For one request of a source on the wire: 0 if it may pass, else the whole seconds until the next one may."""
    allowance = _of_source(source_id)
    return 0 if allowance is None or allowance.granted else allowance.retry_after


def spend_source(source_id: UUID) -> None:
    """One request in a source's name at another door. Raises Problem: 429."""
    allowance = _of_source(source_id)
    if allowance is not None and not allowance.granted:
        raise too_many(allowance, whose="The limit of the source")


def _of_source(source_id: UUID) -> Allowance | None:
    limit = policy(settings.RATE_LIMIT_SOURCES)
    return None if limit is None else Allowance(limit, tokens().take(f"source:{source_id}", limit))


def headers(allowance: Allowance) -> Mapping[str, str]:
    """`RateLimit-Policy: "default";q=100;w=1` (so many in so many seconds) and `RateLimit: "default";r=97;t=1` (what is
    left, and in how many seconds there is more)."""
    own = allowance.policy
    reset = allowance.retry_after if not allowance.granted else max(1, math.ceil(1 / own.per_second))
    return {
        "RateLimit-Policy": f'"default";q={own.amount};w={own.seconds}',
        "RateLimit": f'"default";r={allowance.drawn.left};t={reset}',
    }


def too_many(allowance: Allowance, *, whose: str = "The limit") -> Problem:
    """The 429."""
    return Problem(
        429,
        "too_many_requests",
        "Too many requests",
        f"{whose} is {allowance.policy.amount} in {allowance.policy.seconds} s.",
        remedy="Wait as long as Retry-After says, then send it again.",
        headers={"Retry-After": str(allowance.retry_after)},
    )
