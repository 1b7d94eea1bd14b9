"""The web shop: a script of tracking calls in order of time, anonymous first, for the real SDK to send.

A call is {"call": "identify|track|page|screen|group|alias", ...} with the keyword arguments of
segment-analytics-python 2.4.0; `timestamp` is ISO 8601 text in the file and an aware datetime from `read`. Coupon
Redeemed is the grocer's own table; Order Completed on the web is invented: a few articles of a basket that the
household really bought, ordered again (order_id "W-..."), beside the till's baskets and never instead of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cdp.demo import mess
from cdp.demo.agreed import WEB_NOTICE
from cdp.demo.crm import stamp
from cdp.demo.grocer import Grocer, rows
from cdp.demo.plans import Plan
from cdp.demo.truth import NOBODY, Entry

PAGES = ("Home", "Offers", "Recipes", "Store finder", "Delivery")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
)
DELIVERY_PLANS = (("free", 0.7), ("plus", 0.22), ("family", 0.08))
Call = dict[str, Any]


def write(
    plans: Sequence[Plan], grocer: Grocer, *, seed: int, start: datetime, until: datetime
) -> tuple[list[Call], list[Entry]]:
    """All calls between about `start` and `until`, and the truth of each user id and each anonymous id."""
    script = _Script(mess.dice("web", seed), grocer, start, until)
    online = [plan for plan in plans if plan.web_id]
    shared = script.shared_devices(online)
    for plan in online:
        script.visit(plan, shared.get(plan.person.person_id))
    script.strays()
    calls = sorted(script.calls, key=lambda one: one["timestamp"])
    for number, call in enumerate(calls, start=1):
        # The SDK's alias() takes no anonymous id, but every call takes a message id: sending the script twice changes
        # nothing.
        call["message_id"] = f"web-{seed}-{number:06d}"
    return calls, script.entries()


def read(path: Path) -> Iterator[tuple[str, Call]]:
    """The calls of a script: the SDK method's name and its keyword arguments."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            call = json.loads(line)
            call["timestamp"] = datetime.fromisoformat(call["timestamp"])
            yield call.pop("call"), call


class _Script:
    def __init__(self, dice: Random, grocer: Grocer, start: datetime, until: datetime) -> None:
        self.dice, self.start, self.until = dice, start, until
        self.calls: list[Call] = []
        self.users: dict[str, Entry] = {}
        self.devices: dict[str, list[tuple[Plan, str]]] = defaultdict(list)
        self.lines = grocer.baskets["lines"]
        self.baskets: dict[int, list[int]] = defaultdict(list)
        for place, household in enumerate(grocer.baskets["household_id"].to_list()):
            self.baskets[household].append(place)
        self.coupons: dict[int, list[tuple[datetime, str, str, str]]] = defaultdict(list)
        types = dict(
            zip(grocer.campaign_descriptions["campaign_id"], grocer.campaign_descriptions["campaign_type"], strict=True)
        )
        for row in rows(grocer.redemptions):
            redeemed = (
                row["redemption_date"].to_pydatetime(),
                str(row["coupon_upc"]),
                str(row["campaign_id"]),
                types[row["campaign_id"]],
            )
            self.coupons[int(row["household_id"])].append(redeemed)
        self.nobody: list[str] = []

    def shared_devices(self, online: Sequence[Plan]) -> dict[str, str]:
        """person id -> the device that is not theirs alone: the family's tablet, the terminal in the store."""
        shoppers = {plan.person.household_id: plan for plan in online if plan.person.role == "shopper"}
        shared: dict[str, str] = {}
        for plan in online:
            other = shoppers.get(plan.person.household_id)
            if plan.person.role != "shopper" and other is not None and self.dice.random() < 0.5:
                shared[plan.person.person_id] = shared[other.person.person_id] = self.device()
        terminal = self.device()
        for plan in self.dice.sample(online, min(25, len(online) // 8)):
            shared.setdefault(plan.person.person_id, terminal)
        return shared

    def device(self) -> str:
        text = f"{self.dice.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def visit(self, plan: Plan, shared: str | None) -> None:
        """One person's year on the web, from the first anonymous page on."""
        coupons = self.coupons.get(plan.person.household_id, []) if plan.person.role == "shopper" else []
        first = self._first_visit(plan, coupons[0][0] if coupons else None)
        context = self._context()
        devices = (
            [self.device()] + ([self.device()] if self.dice.random() < 0.25 else []) + ([shared] if shared else [])
        )
        for number, device in enumerate(devices):
            self._browse(
                plan,
                device,
                first + timedelta(days=number * 3),
                context,
                signs_in_as=self._account(plan, number, len(devices)),
            )
        last = first + timedelta(days=len(devices) * 3)
        if plan.alias_of:
            self._call("alias", last, context, previous_id=plan.alias_of, user_id=plan.web_id)
            self._sign_in(plan, plan.web_id, devices[0], last + timedelta(minutes=1), context)
        for order in range(mess.chosen(self.dice, ((0, 0.5), (1, 0.25), (2, 0.15), (4, 0.10)))):
            self._order(plan, devices[0], last, context, order)
        for day, coupon, campaign, kind in coupons:
            properties = {"coupon_id": coupon, "campaign_id": campaign, "campaign_type": kind}
            at = min(mess.moment(self.dice, day.date()), self.until)
            self._track(plan, devices[0], at, context, "Coupon Redeemed", properties)
        if self.dice.random() < 0.03:
            club = f"club-{plan.person.household_id % 7}"
            self._call(
                "group", last, context, user_id=plan.web_id, group_id=club, traits={"name": f"Recipe club {club[-1]}"}
            )

    def strays(self) -> None:
        """A broken page sends the user id "anonymous" for whoever is there: it must not make one customer of them."""
        for _ in range(8):
            device, at = self.device(), self.start + (self.until - self.start) * self.dice.random()
            self.nobody.append(device)
            self._call(
                "identify", at, self._context(), user_id="anonymous", anonymous_id=device, traits={"plan": "free"}
            )

    def entries(self) -> list[Entry]:
        """User ids first, then anonymous ids. A shared device counts for the person who used it first."""
        found = list(self.users.values())
        for device, used in self.devices.items():
            person = used[0][0].person
            identifiers = frozenset({("anonymous_id", device)})
            found.append(Entry("web", device, person.person_id, person.household_id, used[0][1], identifiers))
        if self.nobody:
            found.append(Entry("web", "anonymous", NOBODY, 0))
        for number, device in enumerate(self.nobody, start=1):
            found.append(Entry("web", device, f"stranger{number}", 0, "", frozenset({("anonymous_id", device)})))
        return found

    def _first_visit(self, plan: Plan, coupon: datetime | None) -> datetime:
        begin = max(plan.since, self.start)
        # More of the shop's accounts are young than old; the last day is left for the visit itself.
        at: datetime = begin + (self.until - timedelta(days=13) - begin) * self.dice.random() ** 0.6
        at = max(at, min(begin, self.until - timedelta(days=13)))
        return at if coupon is None else min(at, coupon - timedelta(days=9, minutes=self.dice.randrange(600)))

    def _context(self) -> Call:
        context: Call = {"ip": f"203.0.113.{self.dice.randint(1, 254)}", "userAgent": self.dice.choice(AGENTS)}
        kind = self.dice.random()
        if kind < 0.08:
            context["gpc"] = True
        elif kind < 0.50:
            context["consent"] = {"categoryPreferences": {"analytics": kind < 0.38, "personalisation": kind < 0.30}}
        return context

    def _account(self, plan: Plan, number: int, devices: int) -> str:
        """On the last of several devices one in three never signs in: only the browsing tells."""
        if number and number == devices - 1 and self.dice.random() < 0.33:
            return ""
        return plan.alias_of if plan.alias_of and number == 0 else plan.web_id

    def _browse(self, plan: Plan, device: str, at: datetime, context: Call, *, signs_in_as: str) -> None:
        page = self.dice.choice(PAGES)
        url = f"https://shop.example/{page.lower().replace(' ', '-')}"
        kind = "screen" if "Mobile" in context["userAgent"] and self.dice.random() < 0.25 else "page"
        self._call(kind, at, context, anonymous_id=device, name=page, properties={"url": url, "title": page})
        for minute in range(self.dice.randint(0, 2)):
            seen = self._products(plan, 1)
            if seen:
                viewed = {
                    "product_id": seen[0]["product_id"],
                    "category": seen[0]["category"],
                    "department": seen[0]["department"],
                }
                self._call(
                    "track",
                    at + timedelta(minutes=2 + minute),
                    context,
                    anonymous_id=device,
                    event="Product Viewed",
                    properties=viewed,
                )
        self.devices[device].append((plan, self._reason(plan) if signs_in_as else "never_signed_in"))
        if signs_in_as:
            self._sign_in(plan, signs_in_as, device, at + timedelta(minutes=6), context)

    def _sign_in(self, plan: Plan, account: str, device: str, at: datetime, context: Call) -> None:
        person = plan.person
        email = self._email(plan)
        traits = {
            "firstName": person.given, "lastName": person.former_family or person.family, "email": email,
            "country": person.address.country,
            "plan": mess.chosen(mess.dice(person.person_id), DELIVERY_PLANS), "createdAt": stamp(at),
        }  # fmt: skip
        identifiers = {("email", email), ("anonymous_id", device), ("user_id", account)}
        if account == plan.web_id and plan.web_has_customer_number:
            traits["customer_number"] = account
            identifiers.add(("customer_number", account))
        if plan.alias_of:
            identifiers.add(("user_id", plan.alias_of))  # the alias call tells the new account of the old one
        if context.get("consent") and mess.dice(account).random() < 0.15:
            context = {**context, "consent": {"decisions": [self._short_lived(at)]}}
        self._call("identify", at, context, user_id=account, anonymous_id=device, traits=traits)
        known = self.users.get(account)
        merged = frozenset(identifiers) | (known.identifiers if known else frozenset())
        self.users[account] = Entry("web", account, person.person_id, person.household_id, self._reason(plan), merged)

    def _short_lived(self, at: datetime) -> Call:
        return {
            "purpose": "marketing_email", "status": "granted", "at": stamp(at),
            "expires_at": stamp(at + timedelta(days=90)),
            "notice": WEB_NOTICE, "method": "checkbox", "channel": "web",
        }  # fmt: skip

    def _email(self, plan: Plan) -> str:
        """The same mailbox as elsewhere, but a few of those with an account of their own signs in with an older one."""
        person = plan.person
        return person.former_email if self._reason(plan) and person.former_email else person.email

    def _reason(self, plan: Plan) -> str:
        own = not plan.web_has_customer_number and bool(plan.person.former_email)
        return "changed_email" if own and mess.dice("mailbox", plan.person.person_id).random() < 0.25 else ""

    def _order(self, plan: Plan, device: str, after: datetime, context: Call, number: int) -> None:
        at = after + (self.until - after) * self.dice.random()
        lines = self._products(plan, self.dice.randint(2, 6))
        if not lines:
            return
        properties = {
            "order_id": f"W-{plan.person.person_id[1:]}-{number + 1}",
            "revenue": round(sum(line["sales_value"] for line in lines), 2),
            "total_quantity": sum(line["quantity"] for line in lines),
            "currency": "USD",
            "store_id": "web",
            "products": lines,
        }
        self._track(plan, device, at, context, "Order Completed", properties)

    def _products(self, plan: Plan, how_many: int) -> list[Call]:
        """Articles of one of the household's real baskets; fuel is not delivered."""
        baskets = self.baskets.get(plan.person.household_id, [])
        if not baskets:
            return []
        lines = [
            one for one in self.lines.iloc[self.dice.choice(baskets)] if one["category"] and 0 < one["quantity"] < 50
        ]
        return self.dice.sample(lines, min(how_many, len(lines)))

    def _track(self, plan: Plan, device: str, at: datetime, context: Call, event: str, properties: Call) -> None:
        self._call("track", at, context, user_id=plan.web_id, anonymous_id=device, event=event, properties=properties)

    def _call(self, kind: str, at: datetime, context: Call, **arguments: Any) -> None:
        self.calls.append(
            {
                "call": kind,
                **arguments,
                "context": context,
                "timestamp": min(at, self.until).isoformat(timespec="milliseconds"),
            }
        )
