"""`restore`: the way back from a backup."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.operations.backups.restore import restore
from cdp.operations.backups.showing import Bar
from cdp.vault.journal import JournalError
from cdp.vault.keyring import KeyringError


class Command(BaseCommand):
    help = "Restores DIR into an empty installation, then erases again whoever was erased after the backup was taken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dir", type=Path, metavar="DIR", help="what `backup` wrote")
        parser.add_argument(
            "--journal", type=Path, action="append", default=[], metavar="FILE",
            help="an erasure journal besides the installation's own (several machines: once for each)",
        )  # fmt: skip
        parser.add_argument("--without-journal", action="store_true", help="nobody was erased since the backup")
        parser.add_argument("--replace", action="store_true", help="into an installation in use: what it holds is lost")
        parser.add_argument("--no-input", action="store_true", help="do not ask before replacing")
        parser.add_argument("--jobs", type=int, default=2, help="tables restored at once (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replace"] and not options["no_input"]:
            self._confirm()
        try:
            with Bar() as bar:
                done = restore(
                    options["dir"].resolve(), journals=options["journal"], without_journal=options["without_journal"],
                    replace=options["replace"], at=datetime.now(UTC), jobs=max(2, options["jobs"]), progress=bar,
                )  # fmt: skip
        except (JournalError, KeyringError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"restored; erased again: {done.keys} keys, {done.rows} rows, {done.suppressed} identifiers suppressed"
        )

    def _confirm(self) -> None:
        self.stderr.write(
            "Everything that this installation holds now will be lost. Type `replace` to go on: ", ending=""
        )
        self.stderr.flush()
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip() != "replace":
            raise CommandError("Nothing was changed.")
