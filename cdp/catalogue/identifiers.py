"""Kinds of identifiers, and the one spelling in which each value is compared. Pure."""

import math
import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers
from email_validator import EmailNotValidError, validate_email

KINDS: dict[str, int] = {
    "user_id": 1,
    "anonymous_id": 2,
    "row": 3,  # the row of a file or table, where the source has no better key
    "email": 4,
    "phone": 5,
    "customer_number": 6,
    "loyalty_card": 7,
    "device_id": 8,
}
LABELS: dict[int, str] = {code: kind for kind, code in KINDS.items()}

_LONGEST_ID = 200
_LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
# An unquoted local part (RFC 5322, 3.2.3: dot-atom) and a domain of letters, digits and hyphens: nearly every address.
_PLAIN_EMAIL = re.compile(
    r"([a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
    r"@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])"
)
_GMAIL = {"gmail.com", "googlemail.com"}
_UNSEEN = re.compile(r"[\u0000-\u001f\u007f\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")


def normalise(kind: str, value: object, *, region: str) -> str | None:
    """The spelling of `value` in which two of them are equal, or None when it is no value of that kind.

    `region` (ISO 3166-1 alpha-2, or "") is how a phone number without country code is read. Whether a value is junk is
    not asked here. Raises KeyError for an unknown kind."""
    code = KINDS[kind]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float):
        # A column of whole numbers with gaps arrives as floats.
        if not math.isfinite(value) or not value.is_integer():
            return None
        value = int(value)
    text = str(value)
    if len(text) > 4 * _LONGEST_ID:
        return None
    return _normalise(code, text, region.upper() if code == KINDS["phone"] else "")


@lru_cache(maxsize=65_536)
def _normalise(code: int, text: str, region: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    if code == KINDS["email"]:
        return _email(text)
    if code == KINDS["phone"]:
        return _phone(text, region)
    if code in (KINDS["customer_number"], KINDS["loyalty_card"]):
        return _number(text)
    plain = _UNSEEN.sub("", unicodedata.normalize("NFC", text)).strip()
    if code == KINDS["device_id"]:
        plain = plain.lower()
    return plain if 0 < len(plain) <= _LONGEST_ID else None


def _email(text: str) -> str | None:
    """Lower case, without spaces around, the domain in ASCII (IDNA 2008).

    RFC 5321 lets a host tell local parts apart by case; none that matters does. Gmail alone documents that dots and what
    follows a plus are not part of the mailbox, so only there they are dropped."""
    plain = _UNSEEN.sub("", text).strip().lower()
    if plain.startswith("mailto:"):
        plain = plain[7:]
    if len(plain) > _LONGEST_EMAIL:
        return None
    match = _PLAIN_EMAIL.fullmatch(plain)
    if match:
        local, domain = match.groups()
    else:
        try:
            valid = validate_email(plain, check_deliverability=False, test_environment=True)
        except (EmailNotValidError, UnicodeError, idna.IDNAError):
            return None
        local, domain = valid.local_part.lower(), valid.ascii_domain.lower()
    if len(local.encode()) > 64:
        return None
    if domain in _GMAIL:
        local, domain = local.partition("+")[0].replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local else None


def _phone(text: str, region: str) -> str | None:
    """E.164, with `;ext=` (RFC 3966) where there is an extension: colleagues share the rest of their number."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).strip()
    if len(plain) > 60:
        return None
    try:
        number = phonenumbers.parse(plain, region or None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    spelt = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{spelt};ext={number.extension}" if number.extension else spelt


def _number(text: str) -> str | None:
    """Customer and card numbers: upper case, without spaces, hyphens and dots, without punctuation in front."""
    plain = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).upper()
    plain = re.sub(r"[\s.\-–—_/]", "", plain)
    plain = re.sub(r"^[\W_]+", "", plain)
    return plain if 0 < len(plain) <= _LONGEST_ID else None
