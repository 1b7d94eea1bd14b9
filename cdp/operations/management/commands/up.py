"""`up`: everything on one machine, ended by one Ctrl-C."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from cdp.operations.family import Family, manage
from cdp.operations.setup import set_up


class Command(BaseCommand):
    help = "Runs web, worker and beat (and, with no URLs set, PostgreSQL and Valkey). One Ctrl-C ends all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="where the web server listens (PORT)")

    def handle(self, *args: Any, **options: Any) -> None:
        set_up(lambda line: self.stderr.write(line))
        family = Family([manage("serve", "--port", str(options["port"])), manage("worker"), manage("beat")])
        family.catch_signals()
        self.stderr.write(f"http://localhost:{options['port']}/admin/  (Ctrl-C ends everything)")
        family.run()
