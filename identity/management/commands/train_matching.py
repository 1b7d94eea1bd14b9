"""`train_matching`: a new version of the matching model from the records of now, and, if asked, switching to it."""

import sys
import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.audit import Actor
from identity.linking import activation, jobs, training
from identity.models import MatchModel

BY = Actor("system", "train_matching")


class Command(BaseCommand):
    help = (
        "Learns who is who from the records of now, without labels (stewards' decisions count where there are some). "
        "--activate also puts the new version in force and brings all records up to date."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--activate", action="store_true", help="put the new version in force")
        parser.add_argument(
            "--threshold",
            type=float,
            default=training.THRESHOLD,
            help="join records from this probability on (default: %(default)s)",
        )
        parser.add_argument(
            "--review-from",
            type=float,
            default=training.REVIEW_FROM,
            help="ask a steward from this one on (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            row = training.begin(by=BY, threshold=options["threshold"], review_from=options["review_from"])
            self._work(row)
            self._tell(row)
            if options["activate"]:
                activation.activate(row.version, by=BY, at=datetime.now(UTC))
                self._work(row)
                self.stdout.write(f"Version {row.version} is in force; {row.looked_at:,} records were scored.")
        except (jobs.Busy, training.TooLittle, ValueError) as error:
            raise CommandError(str(error)) from None

    def _tell(self, row: MatchModel) -> None:
        guess = row.summary["estimated"]
        self.stdout.write(
            f"Version {row.version}, learnt from {row.trained_on:,} records. Joined from {row.threshold:g} on: by its own"
            f" estimate {guess['precision']:.1%} of the pairs are right, and {guess['recall']:.1%} of all there are are found."
        )

    def _work(self, row: MatchModel) -> None:
        """Does the job, or waits while the worker of jobs, which was woken too, does it."""
        while not jobs.go_on(clock=lambda: datetime.now(UTC), say=self._say):
            time.sleep(1)
            row.refresh_from_db(fields=["looked_at", "total"])
            self._say("the worker is at it", row.looked_at / max(row.total or 1, 1))
        if sys.stderr.isatty():
            self.stderr.write("")
        row.refresh_from_db()
        if row.state == MatchModel.State.FAILED:
            raise CommandError(row.error)

    def _say(self, what: str, done: float) -> None:
        if sys.stderr.isatty():
            bar = "█" * round(30 * done)
            self.stderr.write(f"\r{bar:<30} {done:>4.0%} {what:<30}", ending="")
            self.stderr.flush()
