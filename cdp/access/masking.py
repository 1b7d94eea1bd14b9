"""What a person without the right to identifying values sees instead. Pure; never shows how long a value is."""

from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "•••"
HIDDEN_DATE = "••••-••-••"
_NAMES = {"name", "first_name", "last_name", "full_name", "given_name", "family_name", "middle_name", "username"}
_DATES = {"birthday", "birth_date", "date_of_birth", "dob", "birthdate"}


def kind_of(name: str) -> str:
    """The masking kind of a trait by the last part of its path: email, phone, name, date or ""."""
    last = "".join(f"_{c.lower()}" if c.isupper() else c for c in name.rsplit(".", 1)[-1]).strip("_").replace("-", "_")
    if last in _NAMES:
        return "name"
    if last in _DATES:
        return "date"
    for kind in ("email", "phone"):
        if kind in last.replace("e_mail", "email").replace("mobile", "phone"):
            return kind
    return ""


def mask(value: object, kind: str = "") -> str:
    """A masked value. `kind`: "email" (a•••@•••), "phone" (last two digits), "name" (initial), "date" (nothing of it);
    anything else shows nothing, except that a text with an @ is taken for an e-mail address."""
    if value is None or value == "":
        return ""
    text = str(value).strip()
    if kind == "date":
        return HIDDEN_DATE
    if kind == "email" or (not kind and "@" in text):
        local, at, _ = text.partition("@")
        # A local part of one or two letters would be shown whole, or nearly so.
        return f"{local[0]}{HIDDEN}@{HIDDEN}" if at and len(local) > 2 else f"{HIDDEN}@{HIDDEN}"
    if kind == "phone":
        digits = [c for c in text if c.isdigit()]
        return HIDDEN + "".join(digits[-2:]) if len(digits) >= 7 else HIDDEN
    if kind == "name":
        return f"{text[0].upper()}{HIDDEN}" if text[0].isalpha() else HIDDEN
    return HIDDEN


def mask_traits(traits: Mapping[str, Any], classes: Mapping[str, str], open: bool) -> dict[str, Any]:
    """Traits as their reader may see them.

    `classes` maps a path ("address.city") to its class of data. With `open` everything stays. Otherwise facts stay,
    identifying values are masked by kind, and of undeclared fields not even the key is shown, since a key can be
    personal data too: they become one entry "•••", however many there are.
    """
    return dict(traits) if open else _masked(traits, classes, "")


def _masked(traits: Mapping[str, Any], classes: Mapping[str, str], above: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in traits.items():
        path = f"{above}{name}"
        data_class = classes.get(path)
        if data_class is None and isinstance(value, Mapping) and any(c.startswith(f"{path}.") for c in classes):
            shown[name] = _masked(value, classes, f"{path}.")
        elif data_class == "fact":
            shown[name] = value
        elif data_class == "identifying":
            shown[name] = _mask_any(value, kind_of(path))
        else:
            shown[HIDDEN] = HIDDEN
    return shown


def _mask_any(value: object, kind: str) -> object:
    """Lists and objects are masked whole: how many there are can tell as well."""
    if isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
        return HIDDEN
    return mask(value, kind)


def rounded(count: int) -> int:
    """A count for those who see rounded counts only: to the nearest ten; fewer than ten people are 0."""
    return 0 if count < 10 else (count + 5) // 10 * 10
