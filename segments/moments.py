"""Dates and times as people and systems write them. Pure."""

import re
from datetime import UTC, datetime, tzinfo

from segments.nodes import micros

# What counts as a moment, here and (the same expression) in SQL. Days and months are checked by the calendar afterwards.
MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
    r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?)?$"
)
_MOMENT = re.compile(MOMENT.replace("$", r"\Z"))
_FRACTION = re.compile(r"[.,]([0-9]{1,6})[0-9]*")


def instant(text: str, zone: tzinfo) -> int | None:
    """Microseconds of a date (its midnight) or a time; without an offset it is local to `zone`. None: no such moment.

    A local time that a clock change skips or repeats is read as PostgreSQL does: before a skip, after a repeat.
    """
    if not _MOMENT.match(text):
        return None
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
        later = found.replace(fold=1)
        if (found.utcoffset() or found) != (later.utcoffset() or later) and found.utcoffset() > later.utcoffset():  # type: ignore[operator]
            found = later
    try:
        return micros(found.astimezone(UTC))
    except OverflowError:
        return None
