"""Importing a file: chunks of rows through the same `accept` as the wire, with a checkpoint after each chunk."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from cdp import audit
from cdp.connectors.mapping import FileMapping, RowProblem, event
from cdp.connectors.models import RowError, Run
from cdp.connectors.readers import Chunk, chunks, count
from cdp.events.accept import accept
from cdp.sources.lookup import SourceInfo
from cdp.vault import blind, keys
from cdp.vault.aad import aad

CHUNK = 1000
Report = Callable[[Run], None]


@dataclass(frozen=True)
class Import:
    """What is imported: its label is shown to people, its fingerprint finds an interrupted run again."""

    path: Path
    source: SourceInfo
    mapping: FileMapping
    fingerprint: UUID


def prepare(path: Path, source: SourceInfo, mapping: FileMapping, *, mapping_text: bytes) -> Import:
    """Fingerprints the file. Raises OSError when it cannot be read."""
    digest = hashlib.sha256(mapping_text)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return Import(path, source, mapping, blind.index("file", f"{source.id}:{digest.hexdigest()}"))


def begin(it: Import, *, by: audit.Actor) -> Run:
    """The run to work on: an interrupted run of the same file and mapping goes on, else a new one."""
    with transaction.atomic():
        run = (
            Run.objects.select_for_update()
            .filter(source_id=it.source.id, fingerprint=it.fingerprint)
            .exclude(state=Run.State.FINISHED)
            .first()
        )
        if run is None:
            run = Run(source_id=it.source.id, fingerprint=it.fingerprint)
            run.label_sealed = keys.system("connectors").seal(
                it.path.name.encode(), aad=aad("connectors_run", run.id, "label_sealed")
            )
        run.state, run.problem, run.total = Run.State.RUNNING, "", count(it.path, it.mapping)
        run.save()
        audit.record("import.begin", by=by, object=("source", it.source.id), details={"run": str(run.id)})
    return run


def label(run: Run) -> str:
    """The file's name, for people who may see it; empty once it has expired."""
    if not run.label_sealed:
        return ""
    return (
        keys.system("connectors")
        .open(bytes(run.label_sealed), aad=aad("connectors_run", run.id, "label_sealed"))
        .decode()
    )


def import_file(
    it: Import, *, by: audit.Actor, clock: Callable[[], datetime], report: Report = lambda run: None
) -> Run:
    """Imports the whole file and returns the finished run. An exception leaves the run `failed` at its checkpoint; the
    same call goes on from there. Rows before the checkpoint are never sent again, and would be duplicates if they were."""
    run = begin(it, by=by)
    report(run)
    try:
        for chunk in chunks(it.path, it.mapping, size=CHUNK, skip=run.position):
            _take(run, it, chunk, at=clock())
            report(run)
    except Exception as error:
        Run.objects.filter(id=run.id).update(state=Run.State.FAILED, problem=type(error).__name__, finished_at=clock())
        raise
    with transaction.atomic():
        run.state, run.finished_at, run.total = Run.State.FINISHED, clock(), run.position
        run.save()
        counts = {
            "rows": run.position,
            "accepted": run.accepted,
            "duplicates": run.duplicates,
            "rejected": run.rejected,
        }
        audit.record("import.finish", by=by, object=("source", it.source.id), details={"run": str(run.id), **counts})
    report(run)
    return run


def _take(run: Run, job: Import, chunk: Chunk, *, at: datetime) -> None:
    """One chunk: accepted first, checkpoint after. Killed between the two, the chunk comes again as duplicates."""
    events: list[dict[str, Any]] = []
    numbers: list[int] = []
    problems: list[RowError] = []
    for number, row in chunk:
        try:
            if row is None:
                raise RowProblem("unreadable_row")
            events.append(event(row, job.mapping))
            numbers.append(number)
        except RowProblem as problem:
            problems.append(RowError(run=run, row=number, column=problem.column[:100], reason=problem.reason))
    receipt = accept(job.source, events, received_at=at) if events else None
    if receipt:
        problems += [
            RowError(run=run, row=numbers[it.index], column=it.field, reason=it.reason) for it in receipt.rejected
        ]
    with transaction.atomic():
        _note(problems)
        duplicates = receipt.duplicates if receipt else 0
        rejected = len(problems)
        Run.objects.filter(id=run.id).update(
            position=chunk[-1][0],
            accepted=F("accepted") + len(chunk) - duplicates - rejected,
            duplicates=F("duplicates") + duplicates,
            rejected=F("rejected") + rejected,
            heartbeat_at=at,
        )
    run.refresh_from_db()


def _note(problems: Iterable[RowError]) -> None:
    RowError.objects.bulk_create(problems, ignore_conflicts=True)
