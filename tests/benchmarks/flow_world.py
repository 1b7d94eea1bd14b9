"""What the flow benchmarks send: a shop's visitors in sessions, and twenty segments of the kinds that marketers build.

Of a hundred events: 3 new people who identify themselves by e-mail address (some by phone number too), 4 known people
who identify themselves again (every other one with a changed trait), 93 pages, product views, baskets, orders and mailings of
known people, each visitor with several in a row, of whom half are known to the browser by an anonymous id only.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

Event = dict[str, Any]
EVENTS = (
    ("Product Viewed", 34),
    ("page", 26),
    ("Product Added", 14),
    ("Email Opened", 8),
    ("Product List Viewed", 7),
    ("Order Completed", 4),
)
COUNTRIES = ("NL", "DE", "FR", "AT", "BE", "ES")


def identify(person: int, *, run: str, tier: int = 0) -> Event:
    """A person of that number says who it is. Nobody real: numbers in the reserved ranges."""
    return {
        "type": "identify", "userId": f"{run}-{person}", "anonymousId": f"a-{run}-{person}",
        "traits": {
            "email": f"{run}.{person}@example.com",
            "phone": f"+1202555{person:04d}" if person % 3 == 0 and person < 10_000 else None,
            "firstName": "Alice", "lastName": f"Number {person}", "country": COUNTRIES[person % 6], "age": 18 + person % 60,
            "plan": ("free", "basic", "plus", "max")[(person + tier) % 4],
        },
    }  # fmt: skip


def something(chance: random.Random, person: int, *, run: str) -> Event:
    """One thing that a known visitor does."""
    (kind,) = chance.choices([name for name, _ in EVENTS], [weight for _, weight in EVENTS])
    who: Event = (
        {"anonymousId": f"a-{run}-{person}"}
        if person % 2
        else {"userId": f"{run}-{person}", "anonymousId": f"a-{run}-{person}"}
    )
    context = {"library": {"name": "bench", "version": "1"}, "locale": "nl-NL"}
    sku = chance.randrange(977)
    if kind == "page":
        return {"type": "page", "name": "Home", "properties": {"path": "/", "title": "Home"}, "context": context, **who}
    if kind == "Order Completed":
        products = [{"product_id": f"sku-{(sku + n) % 977}", "price": 2.5, "quantity": 1 + n} for n in range(3)]
        return {
            "type": "track", "event": kind, "context": context,
            "properties": {
                "order_id": f"o-{chance.getrandbits(48):x}", "revenue": 10 + sku / 10, "currency": "EUR", "products": products,
            },
            **who,
        }  # fmt: skip
    properties = {"product_id": f"sku-{sku}", "price": sku / 10, "quantity": 1, "currency": "EUR"}
    return {"type": "track", "event": kind, "context": context, "properties": properties, **who}


def stream(people: int, *, run: str, seed: int) -> Iterator[Event]:
    """Endless: what arrives. `people` are known at the start; about three in a hundred events bring a new one."""
    chance = random.Random(seed)
    visitors = [chance.randrange(people) for _ in range(400)]
    number, made = 0, people + seed % 2**20 * 2**20
    while True:
        share = chance.random()
        if share < 0.03:
            made += 1
            event = identify(made, run=run)
        elif share < 0.07:
            event = identify(chance.randrange(people), run=run, tier=number % 2)
        else:
            place = chance.randrange(len(visitors))
            event = something(chance, visitors[place], run=run)
            if chance.random() < 0.1:
                visitors[place] = chance.randrange(people)
        number += 1
        yield {"messageId": f"{run}-{seed}-{number}", **event}


def known(people: int, *, run: str) -> Iterator[Event]:
    """The people who are known at the start."""
    for person in range(people):
        yield {"messageId": f"{run}-known-{person}", **identify(person, run=run)}


def past(people: int, *, run: str, at: datetime, each: int = 20) -> Iterator[Event]:
    """What they did in the ninety days before `at`."""
    chance = random.Random(1)
    for number in range(people * each):
        when = at - timedelta(seconds=chance.randrange(60, 90 * 86_400))
        event = something(chance, chance.randrange(people), run=run)
        yield {"messageId": f"{run}-past-{number}", "timestamp": when.isoformat(), **event}


def orders(**more: Any) -> dict[str, Any]:
    """A condition on completed orders."""
    return {"event": "Order Completed", **more}


SEGMENTS: dict[str, dict[str, Any]] = {
    "buyers": orders(),
    "recent-buyers": orders(within={"days": 30}),
    "loyal": orders(count={"gte": 5}, within={"days": 90}),
    "big-spenders": orders(sum={"of": "revenue", "gte": 500}, within={"days": 180}),
    "good-baskets": orders(avg={"of": "revenue", "gte": 60}),
    "slipping-away": {"all": [orders(count={"gte": 3}), orders(last={"older_than_days": 30})]},
    "newcomers": orders(first={"newer_than_days": 60}),
    "browsers": {"event": "Product Viewed", "count": {"gte": 3}, "within": {"days": 7}},
    "window-shoppers": {"all": [{"event": "Product Viewed", "count": {"gte": 5}}, {"not": orders()}]},
    "left-a-basket": {"all": [{"event": "Product Added", "within": {"days": 2}}, {"not": orders(within={"days": 2})}]},
    "dear-things": {
        "event": "Product Viewed",
        "count": {"gte": 2},
        "where": [{"property": "price", "gt": 80}],
        "within": {"days": 30},
    },
    "readers": {"event": "Email Opened", "count": {"gte": 2}, "within": {"days": 30}},
    "sleepers": {"not": {"event": "Email Opened", "within": {"days": 60}}},
    "dutch": {"trait": "country", "is": "NL"},
    "german-speaking": {"trait": "country", "in": ["DE", "AT"]},
    "paying": {"trait": "plan", "in": ["basic", "plus", "max"]},
    "young-and-free": {"all": [{"trait": "age", "lt": 30}, {"trait": "plan", "is": "free"}]},
    "dutch-and-loyal": {"all": [{"segment": "dutch"}, {"segment": "loyal"}]},
    "reachable-buyers": {"all": [{"consent": "operate"}, {"segment": "recent-buyers"}]},
    "list-lookers": {"event": "Product List Viewed", "count": {"gte": 2}, "within": {"days": 14}},
}
