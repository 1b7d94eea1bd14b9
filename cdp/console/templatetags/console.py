"""What the console's templates need: links that may lead nowhere, durations in words, shares."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.simple_tag
def admin_url(name: str, pk: object = None) -> str:
    """The address of a model's list ("app_model"), or of one row's page; "#" where that page does not exist."""
    try:
        if pk is None:
            return reverse(f"admin:{name}_changelist")
        return reverse(f"admin:{name}_change", args=[pk])
    except NoReverseMatch:
        return "#"


@register.filter
def duration(seconds: float) -> str:
    """Seconds in words, in one unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "less than a second"


@register.filter
def ago(at: datetime, now: datetime) -> str:
    """How long ago, in one unit."""
    seconds = (now - at).total_seconds()
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


@register.filter
def lasting(since: datetime, now: datetime) -> str:
    """For how long, in one unit."""
    return duration(max(0.0, (now - since).total_seconds()))


@register.filter
def share(run: Any) -> str:
    """How far a run has come, in per cent where its size is known, else in rows."""
    if run.total:
        return f"{100 * run.position / run.total:.0f} %"
    return f"{run.position:,} rows"


@register.filter
def percent(run: Any) -> int:
    """How far a run has come, 0 to 100, for the width of a bar."""
    if run.state == "finished":
        return 100
    return min(100, 100 * run.position // run.total) if run.total else 0


@register.filter
def took(run: Any) -> str:
    """How long a finished run took."""
    seconds = (run.finished_at - run.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


@register.filter
def spaced(code: object) -> str:
    """A code as words: unreadable_row -> unreadable row."""
    return str(code).replace("_", " ")


@register.filter
def ruled(rule: object) -> str:
    """The rule of a link as words."""
    return "likeness" if rule == "similar" else spaced(rule)


# Amounts of money in events, by their names in the Segment e-commerce specification.
_AMOUNTS = frozenset({"revenue", "total", "subtotal", "value", "price", "tax", "discount", "shipping"})


@register.filter
def pairs(values: dict[str, Any]) -> list[tuple[str, Any]]:
    """An object as (dotted path, value), nested objects in line, lists of objects as how many there are. Amounts of money have
    the currency that the object names, or the installation's."""
    return _flat(values, "", _currency(values))


def _currency(values: dict[str, Any]) -> str:
    named = values.get("currency")
    return named if isinstance(named, str) and len(named) == 3 and named.isupper() else settings.CURRENCY


def _flat(values: dict[str, Any], above: str, currency: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            found += _flat(value, f"{path}.", currency)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found.append((path, f"{len(value)} items"))
        elif isinstance(value, list):
            found.append((path, ", ".join(map(str, value))))
        elif name in _AMOUNTS and isinstance(value, int | float) and not isinstance(value, bool):
            found.append((path, f"{value:,.2f} {currency}"))
        else:
            found.append((path, value))
    return found


@register.filter
def listed(values: dict[str, Any]) -> list[tuple[str, list[list[tuple[str, Any]]]]]:
    """The lists of objects inside an object: (name, rows as by `pairs`), at most 20 rows each."""
    currency = _currency(values)
    return [
        (name, [_flat(row, "", currency) for row in value[:20]])
        for name, value in values.items()
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
    ]


@register.filter
def moment(text: str) -> datetime | None:
    """A stored time (RFC 3339) as a datetime."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


@register.filter
def initials(name: str) -> str:
    """One or two letters for the round picture."""
    return "".join(word[0] for word in name.split()[:2] if word[0].isalpha()).upper() or "?"
