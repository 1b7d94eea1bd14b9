"""`demo`: the main job on real data, then served."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from cdp.demo import run


class Command(BaseCommand):
    help = (
        "Takes a grocer's year of baskets and invented people from four systems to profiles, consents and live segments, "
        "checks all of it against the input, and serves the result until Ctrl-C."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--small", action="store_true", help=f"{run.SMALL} households instead of 2,469")
        parser.add_argument("--no-serve", action="store_true", help="end after the summary")
        parser.add_argument("--port", type=int, default=settings.PORT, help="where the web server listens (PORT)")

    def handle(self, *args: Any, **options: Any) -> None:
        households = run.SMALL if options["small"] else None
        wish = run.Wish(households=households, port=options["port"], serve=not options["no_serve"])
        try:
            confirmed = run.run(wish, Console(width=None if sys.stdout.isatty() else 120))
        except run.DemoFailed as error:
            raise CommandError(str(error)) from None
        if not confirmed:
            sys.exit(1)
