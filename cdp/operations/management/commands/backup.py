"""`backup`: both databases into a folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.operations.backups.manifest import Manifest, verify
from cdp.operations.backups.showing import Bar
from cdp.operations.backups.take import take
from cdp.vault.journal import JournalError
from cdp.vault.keyring import KeyringError


class Command(BaseCommand):
    help = (
        "Writes the main database and the vault, as they are at one moment, into DIR, while everything goes on. The keyring is "
        "not in it, on purpose: keep a copy of it elsewhere, for without it a backup opens for nobody."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", type=Path, metavar="DIR", help="a new or an empty folder")
        parser.add_argument("--verify", action="store_true", help="make nothing: read the backup in DIR and compare it")
        parser.add_argument("--jobs", type=int, default=2, help="tables dumped at once (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["dir"].resolve()
        try:
            if options["verify"]:
                self.stdout.write(f"whole: {_described(verify(folder))}")
                return
            with Bar() as bar:
                made = take(folder, at=datetime.now(UTC), jobs=max(2, options["jobs"]), progress=bar)
        except (JournalError, KeyringError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{folder}: {_described(made)}")
        self.stderr.write(
            f"Not in it, and needed to restore it: the keyring {settings.KEYRING} and the erasure journal "
            f"{settings.ERASURE_JOURNAL}. Keep copies of both elsewhere, the keyring never beside a backup."
        )


def _described(made: Manifest) -> str:
    size = sum(size for size, _ in made.files.values())
    rows = sum(sum(part["rows"].values()) for part in made.databases.values())
    return f"backup of {made.made_at}, {rows:,} rows, {size / 1e6:,.1f} MB, version {made.version}"
