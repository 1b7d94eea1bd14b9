"""`rebuild`: recompute what is derived from what is stored, or only compare."""

import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.groups.rebuild import rebuild as rebuild_groups
from consent.rebuild import rebuild as rebuild_consents
from identity.rebuild import rebuild as rebuild_profiles
from segments.rebuild import rebuild as rebuild_segments

PARTS: dict[str, Callable[..., int]] = {
    "profiles": rebuild_profiles,
    "consents": rebuild_consents,
    "groups": rebuild_groups,
    "segments": rebuild_segments,
}


class Command(BaseCommand):
    help = (
        "Recomputes profiles, consents, groups or segments from what is stored."
        " --check only compares, and exits 1 on a difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=PARTS, nargs="+", help="what is derived, one or more in this order")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything would change")

    def handle(self, *args: Any, **options: Any) -> None:
        done = "differences" if options["check"] else "rows brought up to date"
        different = []
        for what in options["what"]:
            began = time.monotonic()
            differences = PARTS[what](check=options["check"])
            said = f"{what}: {differences} {done} ({time.monotonic() - began:.1f} s)"
            if options["check"] and differences:
                different.append(said)
            else:
                self.stdout.write(said)
        if different:
            raise CommandError("\n".join(different))
