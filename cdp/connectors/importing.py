"""Importing a file: chunks of rows through the same `accept` as the wire, with a checkpoint after each chunk."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from cdp import audit
from cdp.catalogue import snapshot
from cdp.catalogue.identifiers import normalise
from cdp.connectors.examine import examine
from cdp.connectors.mapping import FileMapping, MappingError, RowProblem, event
from cdp.connectors.models import RowError, Run
from cdp.connectors.readers import Chunk, chunks, count
from cdp.events.accept import accept
from cdp.pipeline.wire import slug
from cdp.sources.lookup import SourceInfo
from cdp.vault import blind, keys
from cdp.vault.aad import aad
from consent.models import Purpose

CHUNK = 1000
Report = Callable[[Run], None]


@dataclass(frozen=True)
class Import:
    """What is imported: its label is shown to people, its fingerprint finds an interrupted run again."""

    path: Path
    source: SourceInfo
    mapping: FileMapping
    fingerprint: UUID
    notes: tuple[str, ...] = ()  # what whoever imports should know before the first row


def prepare(path: Path, source: SourceInfo, mapping: FileMapping, *, mapping_text: bytes) -> Import:
    """Examines and fingerprints the file. Raises OSError when it cannot be read, MappingError when the mapping does not fit
    it or names a purpose that is not defined: then no row is taken."""
    _check_purposes(mapping)
    settled, notes = examine(path, mapping)
    digest = hashlib.sha256(mapping_text)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    fingerprint = blind.index("file", f"{source.id}:{digest.hexdigest()}")
    return Import(path, source, settled, fingerprint, (*notes, *_texts_for_numbers(settled)))


def _check_purposes(mapping: FileMapping) -> None:
    """The pipeline leaves out what is said of a purpose that nobody defined: a file that says it is refused instead."""
    defined = sorted(Purpose.objects.values_list("key", flat=True))
    slugs = {slug(key) for key in defined}
    for number, consent in enumerate(mapping.consents):
        if slug(consent.purpose) not in slugs:
            raise MappingError(
                f"mapping: `consents[{number}].purpose`: the purpose {consent.purpose} is not defined"
                f" (there are: {', '.join(defined)})."
                " Define it: in admin under Consent > Purposes, or POST /api/v1/purposes/"
            )


def _texts_for_numbers(mapping: FileMapping) -> Iterator[str]:
    """Notes on columns of a CSV file, which holds texts, that are declared as numbers and not read as such."""
    if mapping.format != "csv":
        return
    catalogue = snapshot.current()
    for scope, columns in (("trait", mapping.traits), ("property", mapping.properties)):
        for name, column in columns.items():
            info = catalogue.declared(scope, name)
            if info and info.type == "number" and info.data_class == "fact" and column not in mapping.numbers:
                yield (
                    f"{name} is declared as a number, but the cells of {column} are read as texts, which no rule can use:"
                    f' add "numbers": ["{column}"] (and "decimal": "," for 1.234,50)'
                )


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
    phones, unread = _phones(job.mapping), 0  # rows with one that is none
    for number, row in chunk:
        try:
            if isinstance(row, RowProblem):
                raise row
            made = event(row, job.mapping)
            if any(_is_no_phone(row.get(column), job.source.region) for column in phones):
                unread += 1
                _comes_again(made, job)
            events.append(made)
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
            unread_phones=F("unread_phones") + unread,
            heartbeat_at=at,
        )
    run.refresh_from_db()


def _phones(mapping: FileMapping) -> list[str]:
    """The columns with telephone numbers that are to be identifiers."""
    kinds = {"phone": "phone", **snapshot.current().identifiers}
    return [column for name, column in mapping.traits.items() if kinds.get(name) == "phone"]


def _comes_again(made: dict[str, Any], job: Import) -> None:
    """Of a person whose telephone number cannot be read the same row is another message once the region is mended. What
    happened stays one event, and so does a row that its file gives a name."""
    if job.mapping.type == "identify" and not job.mapping.message_id:
        made["messageId"] = hashlib.sha256(f"{made['messageId']}\0{job.source.region}".encode()).hexdigest()


def _is_no_phone(value: object, region: str) -> bool:
    return value not in (None, "") and normalise("phone", value, region=region) is None


def _note(problems: Iterable[RowError]) -> None:
    RowError.objects.bulk_create(problems, ignore_conflicts=True)
