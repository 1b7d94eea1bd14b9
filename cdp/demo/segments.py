"""Ten telling segments: rules over facts, each with the purpose that decides who of its members may be listed.

`checks.py` computes each of them a second time, from the input files, without the rule language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BABY = ("BABY FOODS", "BABYFOOD", "BABY HBC", "DIAPERS & DISPOSABLES", "INFANT FORMULA", "INFANT CARE PRODUCTS")
Rule = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """A segment as the demo defines it. `sentence`: what its rule says, for people."""

    key: str
    name: str
    purpose: str
    sentence: str
    rule: Rule


def orders(**more: Any) -> Rule:
    """A condition on completed orders, at the till and in the web shop."""
    return {"event": "Order Completed", **more}


SEGMENTS = (
    Wanted(
        "weekly-shoppers", "Weekly shoppers", "analytics",
        "at least 12 orders within the last 90 days",
        orders(count={"gte": 12}, within={"days": 90}),
    ),
    Wanted(
        "big-spenders", "Big spenders", "marketing_email",
        "spent at least 1,000 within the last 180 days",
        orders(sum={"of": "revenue", "gte": 1000}, within={"days": 180}),
    ),
    Wanted(
        "slipping-away", "Slipping away", "marketing_email",
        "at least 10 orders ever, the last one more than 30 days ago",
        {"all": [orders(count={"gte": 10}), orders(last={"older_than_days": 30})]},
    ),
    Wanted(
        "newcomers", "Newcomers", "personalisation",
        "the first order ever lies less than 120 days back",
        orders(first={"newer_than_days": 120}),
    ),
    Wanted(
        "young-families", "Young families", "profiling",
        "bought something for a baby in at least 2 orders within the last 180 days, and the household is not known to have "
        "no children",
        {
            "all": [
                orders(
                    count={"gte": 2}, where=[{"property": "products[].category", "in": list(BABY)}], within={"days": 180}
                ),
                {"not": {"trait": "kids_count", "is": "0"}},
            ]
        },
    ),
    Wanted(
        "window-shoppers", "Window shoppers", "personalisation",
        "viewed a product in the web shop within the last 180 days, and never ordered there",
        {
            "all": [
                {"event": "Product Viewed", "count": {"gte": 1}, "within": {"days": 180}},
                {"not": orders(count={"gte": 1}, where=[{"property": "store_id", "is": "web"}])},
            ]
        },
    ),
    Wanted(
        "coupon-hunters", "Coupon hunters", "marketing_email",
        "redeemed at least 3 coupons online ever, or used coupons at the till in at least 8 orders within a year",
        {
            "any": [
                {"event": "Coupon Redeemed", "count": {"gte": 3}},
                orders(count={"gte": 8}, where=[{"property": "coupon_discount", "gt": 0}], within={"days": 365}),
            ]
        },
    ),
    Wanted(
        "unmoved-by-mail", "Unmoved by mail", "marketing_email",
        "received at least 4 campaigns and redeemed no coupon, ever",
        {
            "all": [
                {"event": "Campaign Received", "count": {"gte": 4}},
                {"not": {"event": "Coupon Redeemed", "count": {"gte": 1}}},
            ]
        },
    ),
    Wanted(
        "valuable-but-rare", "Valuable but rare", "marketing_email",
        "of the tier gold or silver, in an average order of at least 60 within 180 days, and not a weekly shopper",
        {
            "all": [
                {"trait": "tier", "in": ["gold", "silver"]},
                orders(avg={"of": "revenue", "gte": 60}, within={"days": 180}),
                {"segment": "weekly-shoppers", "member": False},
            ]
        },
    ),
    Wanted(
        "text-me", "Reachable by text", "marketing_sms",
        "agreed to text messages, and the last order lies less than 14 days back",
        {"all": [{"consent": "marketing_sms"}, orders(last={"newer_than_days": 14})]},
    ),
)  # fmt: skip
