"""How the columns of each file become events: the declared mappings that `import_file --mapping` reads."""

from __future__ import annotations

from typing import Any

from cdp.demo import agreed
from cdp.demo.loyalty import FACTS

Mapping = dict[str, Any]
DATE_FORMATS = ["%Y-%m-%d", "%m/%d/%Y"]


def _mapping(**given: Any) -> Mapping:
    """A whole mapping: what is not said is said to be absent."""
    base: Mapping = {
        "user_id": None, "anonymous_id": None, "message_id": None, "time_zone": "UTC", "traits": {}, "properties": {},
        "context": {},
        "consents": [], "date_formats": DATE_FORMATS,
    }  # fmt: skip
    return {**base, **given}


CRM = _mapping(
    format="csv",
    record={"key": "customer_number"},
    type="identify",
    user_id="customer_number",
    timestamp="created_at",
    traits={
        "customer_number": "customer_number", "title": "title", "firstName": "first_name", "lastName": "last_name",
        "email": "email", "phone": "phone", "street": "street", "city": "city", "postalCode": "postcode",
        "state": "state", "country": "country", "birthday": "birth_date", "createdAt": "created_at",
    },
    consents=agreed.mapping("crm"),
)  # fmt: skip

LOYALTY = _mapping(
    format="jsonl",
    record={"key": "card_number"},
    type="identify",
    user_id="card_number",
    timestamp="enrolled_at",
    traits={
        "loyalty_card": "card_number", "customer_number": "customer_number", "firstName": "first_name",
        "lastName": "last_name", "email": "email", "phone": "phone", "street": "street", "city": "city",
        "postalCode": "postcode", "country": "country", "birthday": "birth_date", "enrolled_at": "enrolled_at",
        "tier": "tier", "campaigns_received": "campaigns_received", **{name: name for name in FACTS},
    },
    consents=agreed.mapping("loyalty"),
)  # fmt: skip

MAILINGS = _mapping(
    format="jsonl",
    record={"key": "card_number"},
    type="track",
    user_id="card_number",
    message_id="mailing",
    timestamp="sent_at",
    event="Campaign Received",
    traits={"loyalty_card": "card_number"},
    properties={"campaign_id": "campaign_id", "campaign_type": "campaign_type", "ends_at": "ends_at"},
)

POS = _mapping(
    format="parquet",
    record={"key": "shopper_key"},
    type="track",
    user_id="card_number",
    anonymous_id="receipt_key",
    message_id="basket_id",
    timestamp="occurred_at",
    event="Order Completed",
    traits={"loyalty_card": "card_number", "email": "e_receipt_to"},
    properties={
        "order_id": "basket_id", "revenue": "revenue", "total_quantity": "total_quantity", "line_count": "line_count",
        "currency": "currency", "store_id": "store_id", "retail_discount": "retail_discount",
        "coupon_discount": "coupon_discount", "produce_value": "produce_value", "fuel_value": "fuel_value",
        "products": "lines",
    },
)  # fmt: skip

ALL: dict[str, Mapping] = {"crm": CRM, "loyalty": LOYALTY, "mailings": MAILINGS, "pos": POS}
