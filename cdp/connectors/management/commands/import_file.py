"""`import_file`: a file through the same door as everything else, with progress."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cdp import audit
from cdp.connectors.importing import import_file, prepare
from cdp.connectors.mapping import MappingError, load
from cdp.connectors.models import Run
from cdp.sources import lookup
from cdp.sources.models import Source


class Command(BaseCommand):
    help = (
        "Imports a CSV, JSON Lines or Parquet file. An interrupted import goes on; the same file twice changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, JSON Lines or Parquet, as the mapping says")
        parser.add_argument("--source", required=True, help="name of the source (see create_source)")
        parser.add_argument("--mapping", required=True, type=Path, help="JSON: which column means what (docs/files.md)")

    def handle(self, *args: Any, **options: Any) -> None:
        source = Source.objects.filter(name=options["source"]).first()
        if source is None:
            names = ", ".join(Source.objects.order_by("name").values_list("name", flat=True)[:20]) or "none yet"
            raise CommandError(
                f"no source of this name (there are: {names}). Make it: manage.py create_source NAME --kind file"
            )
        try:
            text = options["mapping"].read_bytes()
            it = prepare(options["file"], lookup.load([source.id])[source.id], load(text), mapping_text=text)
        except OSError as error:
            raise CommandError(f"cannot read the file or its mapping: {error.strerror}") from None
        except MappingError as error:
            raise CommandError(str(error)) from None
        for note in it.notes:
            self.stderr.write(f"note: {note}")
        columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("rows", total=None)
            run = import_file(
                it,
                by=audit.Actor("system", "import_file"),
                clock=lambda: datetime.now(UTC),
                report=lambda run: progress.update(task, completed=run.position, total=run.total),
            )
        self.stdout.write(
            f"{run.position} rows: {run.accepted} accepted, {run.duplicates} duplicates, {run.rejected} rejected (run {run.id})"
        )
        self._explain(run)
        if run.unread_phones:
            self.stdout.write(
                f"  {run.unread_phones} phone numbers cannot be read for region {it.source.region}, so they link nobody: set the"
                " region of the source (admin: Data > Sources) to the country of its national numbers, and import again"
            )
        if run.rejected == run.position > 0:
            raise CommandError("no row was accepted: docs/files.md has a remedy for each reason")

    def _explain(self, run: Run) -> None:
        for error in run.errors.order_by("row")[:20]:
            self.stdout.write(
                f"  row {error.row}: {error.reason}" + (f" in column {error.column}" if error.column else "")
            )
        if run.rejected > 20:
            self.stdout.write(f"  ... and {run.rejected - 20} more (REST: sources/{run.source_id}/runs/)")
