"""`setup`: migrate both databases and make the roles."""

from typing import Any

from django.core.management.base import BaseCommand

from cdp.operations.setup import set_up


class Command(BaseCommand):
    help = "Migrates the main and the vault database as their owners and makes the roles. `up` does it by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        set_up(lambda line: self.stderr.write(line))
        self.stderr.write("ready")
