"""What the demo's fields mean: declared before the first event, as a steward would, so that rules can use them."""

from __future__ import annotations

from cdp import audit
from cdp.catalogue.declare import declare_named
from cdp.demo.loyalty import FACTS
from cdp.demo.webshop import PAGES

EVENTS = ("Campaign Received", "Coupon Redeemed", *PAGES)
# (scope, name, type): codes, bands and amounts that say nothing of who somebody is.
DECLARED_FACTS = (
    *(("trait", name, "text") for name in (*FACTS, "tier", "plan", "state")),
    ("trait", "campaigns_received", "number"),
    ("trait", "enrolled_at", "datetime"),
    *(("property", name, "text") for name in ("store_id", "campaign_id", "campaign_type", "coupon_id")),
    *(("property", name, "text") for name in ("product_id", "category", "department")),
    *(("property", f"products[].{name}", "text") for name in ("product_id", "category", "department")),
    ("property", "products[].sales_value", "number"),
    ("property", "ends_at", "datetime"),
    *(
        ("property", name, "number")
        for name in (
            "total_quantity",
            "line_count",
            "retail_discount",
            "coupon_discount",
            "produce_value",
            "fuel_value",
        )
    ),
)
# An order number finds a receipt, and so a person; a form of address is part of a name.
DECLARED_IDENTIFYING = (("trait", "title", "text"), ("property", "order_id", "text"))


def declare_all(*, by: audit.Actor) -> int:
    """Declares every field of the demo; how many there are. Declaring the same again changes nothing."""
    for name in EVENTS:
        declare_named("event", name, "name", "fact", by=by)
    for scope, name, kind in DECLARED_FACTS:
        declare_named(scope, name, kind, "fact", by=by)
    for scope, name, kind in DECLARED_IDENTIFYING:
        declare_named(scope, name, kind, "identifying", by=by)
    return len(EVENTS) + len(DECLARED_FACTS) + len(DECLARED_IDENTIFYING)
