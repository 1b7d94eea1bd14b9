"""Makes a service account with an API key."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from cdp.access.keys import create_key
from cdp.access.scopes import SCOPES
from cdp.audit import Actor


def _expiry(text: str | None) -> datetime | None:
    """`90d`, `2027-01-31` or `2027-01-31T12:00:00Z` as a moment; a date without time ends at its midnight."""
    if not text:
        return None
    if text.endswith("d") and text[:-1].isdigit():
        return timezone.now() + timedelta(days=int(text[:-1]))
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001 (zone follows)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError("--expires is a number of days (90d), a date (2027-01-31) or a time (2027-01-31T12:00:00Z)")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


class Command(BaseCommand):
    """manage.py create_key NAME --scope S [--scope S ...]"""

    help = "Make a service account with an API key and print the key once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the system that will use it")
        parser.add_argument("--scope", action="append", default=[], metavar="S", help=f"{', '.join(SCOPES)}, room:*, *")
        parser.add_argument(
            "--expires", metavar="WHEN", help="90d, 2027-01-31 or 2027-01-31T12:00:00Z; never if absent"
        )
        parser.add_argument("--purpose", default="operate", help="the purpose this system reads for (default: operate)")
        parser.add_argument("--rate", default="", help="its own rate limit: 100/s, 600/m, 5000/d, or none")
        parser.add_argument("--source", action="append", default=[], metavar="ID", help="only this source (its id)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["scope"]:
            raise CommandError(f"name at least one --scope. Known: {', '.join(SCOPES)}")
        try:
            sources = [UUID(text) for text in options["source"]]
        except ValueError:
            raise CommandError("--source takes the id of a source, as `GET /api/v1/sources/` lists it") from None
        try:
            key, token = create_key(
                options["name"],
                options["scope"],
                Actor("system", "create_key"),
                sources,
                _expiry(options["expires"]),
                options["purpose"],
                options["rate"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stderr.write(f"API key of {key.name}, scopes {' '.join(key.scopes)}. It is shown this once:")
        self.stdout.write(token)
