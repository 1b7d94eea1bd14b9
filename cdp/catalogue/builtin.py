"""What the wire's own names mean: the fields and event names of Segment's published specifications, and common spellings.

This list is the one truth for them: it is merged into every snapshot and is not copied into the database, where a row of
the same name exists only if a person has declared it otherwise. A built-in fact can hold no personal value: it is a number,
a boolean or a moment, or bound by a pattern or a list of codes.
"""

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass

from cdp.catalogue.identifiers import KINDS

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Builtin:
    """One built-in declaration. `check` narrows a text fact further than its type does."""

    scope: str
    name: str
    data_class: str
    type: str = "text"
    identifier: str = ""
    check: Check | None = None


def pattern(expression: str) -> Check:
    """A check that a whole text matches."""
    compiled = re.compile(expression)
    return lambda text: compiled.fullmatch(text) is not None


_CURRENCY = pattern(r"[A-Z]{3}")  # ISO 4217
_COUNTRY = pattern(r"[A-Z]{2}")  # ISO 3166-1 alpha-2
_LOCALE = pattern(r"[a-z]{2}([-_][A-Z]{2})?")
_VERSION = pattern(r"\d{1,4}(\.\d{1,4}){0,3}")
_GENDER = pattern(r"(?i)m|f|x|male|female|non-?binary|other|unknown")
_ZONES = frozenset(zoneinfo.available_timezones())

_IDENTIFIERS = {
    "email": "email emailAddress email_address e_mail",
    "phone": "phone phoneNumber phone_number mobile mobilePhone mobile_phone telephone",
    "customer_number": "customerNumber customer_number customerId customer_id",
    "loyalty_card": "loyaltyCard loyalty_card loyaltyCardNumber loyalty_card_number",
    "device_id": "deviceId device_id",
}
_PERSON = (
    "id userId user_id anonymousId anonymous_id name fullName full_name firstName first_name givenName given_name lastName "
    "last_name familyName family_name surname middleName middle_name nickname username birthday birthDate birth_date "
    "birthdate dateOfBirth date_of_birth dob avatar description website title address street street_address "
    "streetAddress address_line1 address_line2 postalCode postal_code postcode zip zipCode zip_code city ip ipAddress "
    "ip_address nationalId national_id ssn iban "
    "address.street address.city address.postalCode address.state address.region address.zip address.line1 address.line2 "
    "company.id company.name"
)
_LINKS = "url path referrer search query title ip userAgent user_agent message body comment text note"
_COUNTS = (
    "revenue total subtotal value price quantity tax discount shipping position rating count duration amount score "
    "sound video_player_volume total_length lines"
)
# A company, household or team can be one person (a sole trader), so what names or reaches it is identifying too; but none
# of it is evidence of who a member is: no identifiers here.
_GROUP = (
    "id name fullName full_name legalName legal_name title email phone website domain url avatar logo description vat vatId "
    "vat_id taxId tax_id registrationNumber registration_number iban owner contact address street street_address "
    "streetAddress postalCode postal_code postcode zip zipCode zip_code city "
    "address.street address.city address.postalCode address.state address.region address.zip address.line1 address.line2"
)
_GROUP_COUNTS = "employees seats users revenue annualRevenue annual_revenue mrr arr"
_CONTEXT_IDENTIFYING = (
    "ip userAgent userAgentData page device network.carrier location referrer traits externalIds ids consent address "
    "sessionId session_id"
)


def _fields() -> list[Builtin]:
    fact, identifying = "fact", "identifying"
    made = [
        Builtin(scope, name, identifying, identifier=kind)
        for scope in ("trait", "property")
        for kind, names in _IDENTIFIERS.items()
        for name in names.split()
    ]
    made += [Builtin("trait", name, identifying) for name in _PERSON.split()]
    made += [Builtin("property", name, identifying) for name in _LINKS.split()]
    made += [Builtin("property", name, fact, "number") for name in _COUNTS.split()]
    made += [Builtin("property", f"products[].{name}", fact, "number") for name in ("price", "quantity", "position")]
    made += [Builtin("group", name, identifying) for name in _GROUP.split()]
    made += [Builtin("group", name, fact, "number") for name in _GROUP_COUNTS.split()]
    made += [Builtin("context", name, identifying) for name in _CONTEXT_IDENTIFYING.split()]
    made += [
        Builtin("trait", "age", fact, "number"),
        Builtin("trait", "employees", fact, "number"),
        Builtin("trait", "logins", fact, "number"),
        Builtin("trait", "createdAt", fact, "datetime"),
        Builtin("trait", "created_at", fact, "datetime"),
        Builtin("trait", "gender", fact, check=_GENDER),
        Builtin("trait", "country", fact, check=_COUNTRY),
        Builtin("trait", "address.country", fact, check=_COUNTRY),
        Builtin("trait", "language", fact, check=_LOCALE),
        Builtin("group", "createdAt", fact, "datetime"),
        Builtin("group", "created_at", fact, "datetime"),
        Builtin("group", "country", fact, check=_COUNTRY),
        Builtin("group", "address.country", fact, check=_COUNTRY),
        Builtin("group", "currency", fact, check=_CURRENCY),
        Builtin("property", "currency", fact, check=_CURRENCY),
        Builtin("property", "country", fact, check=_COUNTRY),
        Builtin("context", "gpc", fact, "boolean"),
        Builtin("context", "locale", fact, check=_LOCALE),
        Builtin("context", "timezone", fact, check=_ZONES.__contains__),
        Builtin("context", "library.version", fact, check=_VERSION),
        Builtin("context", "app.version", fact, check=_VERSION),
        Builtin("context", "os.version", fact, check=_VERSION),
        Builtin("context", "screen.width", fact, "number"),
        Builtin("context", "screen.height", fact, "number"),
        Builtin("context", "screen.density", fact, "number"),
        Builtin("context", "network.bluetooth", fact, "boolean"),
        Builtin("context", "network.cellular", fact, "boolean"),
        Builtin("context", "network.wifi", fact, "boolean"),
    ]
    return made


# Segment's specs: Ecommerce v2, Mobile, B2B SaaS, Email, Live Chat, A/B Testing, Video; and update_profile's own two.
_EVENTS = """
Products Searched|Product List Viewed|Product List Filtered|Promotion Viewed|Promotion Clicked|Product Clicked
Product Viewed|Product Added|Product Removed|Cart Viewed|Checkout Started|Checkout Step Viewed|Checkout Step Completed
Payment Info Entered|Order Completed|Order Updated|Order Refunded|Order Cancelled|Coupon Entered|Coupon Applied
Coupon Denied|Coupon Removed|Product Added to Wishlist|Product Removed from Wishlist|Wishlist Product Added to Cart
Product Shared|Cart Shared|Product Reviewed
Application Installed|Application Opened|Application Backgrounded|Application Foregrounded|Application Updated
Application Uninstalled|Application Crashed|Deep Link Opened|Deep Link Clicked|Push Notification Received
Push Notification Tapped|Push Notification Bounced|Install Attributed
Account Created|Account Deleted|Signed Up|Signed In|Signed Out|Invite Sent|Account Added User|Account Removed User
Trial Started|Trial Ended
Email Delivered|Email Bounced|Email Link Clicked|Email Marked as Spam|Email Opened|Unsubscribed
Live Chat Conversation Started|Live Chat Conversation Ended|Live Chat Message Sent|Live Chat Message Received
Experiment Viewed
Behavior Recorded|Transaction Recorded
Video Playback Started|Video Playback Paused|Video Playback Interrupted|Video Playback Buffer Started
Video Playback Buffer Completed|Video Playback Seek Started|Video Playback Seek Completed|Video Playback Resumed
Video Playback Completed|Video Content Started|Video Content Playing|Video Content Completed|Video Ad Started
Video Ad Playing|Video Ad Completed
"""

FIELDS: tuple[Builtin, ...] = tuple(_fields())
# What callers may call an identifier (RudderStack's merge call) -> its kind. A row's key is nobody's name for a person.
IDENTIFIER_NAMES: dict[str, str] = {
    **{kind: kind for kind in KINDS if kind != "row"},
    **{name: kind for kind, names in _IDENTIFIERS.items() for name in names.split()},
    "userId": "user_id",
    "anonymousId": "anonymous_id",
}
EVENTS: tuple[str, ...] = tuple(
    name.strip() for line in _EVENTS.split("\n") for name in line.split("|") if name.strip()
)
