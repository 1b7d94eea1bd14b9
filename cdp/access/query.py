"""What every REST door reads from the query string."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request

from cdp.access.problems import Problem


def check(request: Request) -> None:
    """Raises a 400 Problem for NUL: PostgreSQL keeps none in a text, so no filter can mean one."""
    for name, value in request.query_params.items():
        if "\0" in name or "\0" in value:
            raise Problem(
                400, "invalid", "The query cannot be read", field="query", remedy="Leave out the character NUL (%00)."
            )


def moment(request: Request, name: str) -> datetime | None:
    """A time, in UTC; None without this parameter. Raises a 400 Problem."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = parse_datetime(text.replace(" ", "+"))  # a plus that was not escaped arrives as a space
        if found is not None and found.tzinfo is not None:
            # In UTC, since PostgreSQL knows no offset beyond 16 hours; OverflowError: before year 1 or after 9999.
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Problem(
        400, "bad_moment", "The moment is not valid", field=name,
        remedy=f"Send {name}=2026-03-01T00:00:00Z, with an offset.",
    )  # fmt: skip
