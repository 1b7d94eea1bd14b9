"""`link`: resolves a file of records without storing anything. For trying the matcher on one's own data (docs/identity.md)."""

from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from identity import linkfile, linkreport


class Command(BaseCommand):
    help = "Resolves a CSV, Parquet or JSON Lines file: which records are one person (or one of anything). Needs no labels."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV (any usual delimiter and encoding), Parquet or JSON Lines")
        parser.add_argument("--schema", required=True, type=Path, help='JSON: {"columns": {"column": "kind"}}')
        parser.add_argument("--out", required=True, type=Path, help="CSV to write: id, cluster_id, probability")
        parser.add_argument(
            "--threshold", type=float, help="mean probability within a cluster, between 0 and 1 (default: the model's)"
        )
        parser.add_argument("--explain", type=int, default=0, metavar="N", help="show the weights of N pairs")
        parser.add_argument("--labels", type=Path, help="CSV of decided pairs: left, right, match (yes/no)")
        parser.add_argument("--report", type=Path, help="HTML file to write, with charts")
        parser.add_argument(
            "--model",
            type=Path,
            help="JSON: used when it is there, written when it is not (.splink.json: Splink's settings)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from identity.linkrun import run  # numpy and pyarrow take half a second: only when there is something to do
        from identity.matching.labels import TooFew
        from identity.matching.model import Unreadable
        from identity.matching.training import Untrainable

        threshold = options["threshold"]
        if threshold is not None and not 0 < threshold < 1:
            raise CommandError("--threshold must be between 0 and 1, such as 0.5")
        columns = (TextColumn("[bold]{task.description:<16}"), BarColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=Console(stderr=True)) as progress:
                task = progress.add_task("reading", total=1.0)
                outcome = run(
                    options["file"], schema=options["schema"], out=options["out"], threshold=threshold, labels=options["labels"],
                    model=options["model"], say=lambda what, done: progress.update(task, description=what, completed=done),
                )  # fmt: skip
            linkreport.show(
                Console(file=cast(IO[str], self.stdout), soft_wrap=True), outcome, explain=options["explain"]
            )
            if options["report"]:
                linkreport.write(options["report"], outcome, explain=max(options["explain"], 5))
        except (linkfile.Unusable, Untrainable, TooFew, Unreadable) as error:
            raise CommandError(str(error)) from None
