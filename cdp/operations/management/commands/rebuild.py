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
        parser.add_argument("what", choices=PARTS, help="what is derived")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything would change")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        differences = PARTS[options["what"]](check=options["check"])
        seconds = time.monotonic() - began
        if options["check"] and differences:
            raise CommandError(f"{options['what']}: {differences} differences ({seconds:.1f} s)")
        done = "differences" if options["check"] else "rows brought up to date"
        self.stdout.write(f"{options['what']}: {differences} {done} ({seconds:.1f} s)")
