"""`setup`: migrate both databases and make the roles."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.operations.setup import set_up, unapplied


class Command(BaseCommand):
    help = "Migrates the main and the vault database as their owners and makes the roles. `up` does it by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 while migrations are unapplied"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            if missing := unapplied():
                raise CommandError(
                    f"{len(missing)} migrations are unapplied: {', '.join(missing)}. Run `manage.py setup`."
                )
            self.stdout.write("the databases are those of this version")
            return
        set_up(lambda line: self.stderr.write(line))
        self.stderr.write("ready")
