"""One run of `manage.py link`: file in, clusters out."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from identity import linkfile
from identity.linkfile import Records, Unusable
from identity.matching import splinkjson
from identity.matching.junk import without_junk
from identity.matching.linking import Linked, link
from identity.matching.model import Model
from identity.matching.progress import Say
from identity.matching.summary import Summary, summarise
from identity.matching.table import build

_SPLINKS = ".splink.json"


@dataclass(slots=True)
class Outcome:
    """What a run found."""

    name: str
    records: Records
    linked: Linked
    summary: Summary
    out: Path
    trained: bool


def run(
    file: Path, *, schema: Path, out: Path, threshold: float | None, labels: Path | None, model: Path | None, say: Say
) -> Outcome:
    """Resolves `file` and writes `out`. A model that is there is used, else one is trained and written there; a name that ends in
    .splink.json stands for Splink's settings instead.

    Raises Unusable, training.Untrainable, labels.TooFew, model.Unreadable."""
    columns = linkfile.read_schema(schema)
    known = _read_model(model)
    if not out.parent.is_dir():
        raise Unusable(f"cannot write {out}: there is no directory {out.parent}")
    say("reading", 0.0)
    records = linkfile.read_records(file, columns)
    decisions = linkfile.read_decisions(labels, records) if labels else None
    say("preparing", 0.05)
    table = build(records.raw, known.reading if known and not _is_splinks(model) else None)
    if known and _is_splinks(model):  # it does not say how the data are written
        table = without_junk(table)
        known = msgspec.structs.replace(known, reading=table.reading)
    linked = link(table, model=known, decisions=decisions, threshold=threshold, say=say)
    linkfile.write_clusters(out, records, linked.partition.cluster, linked.partition.certainty)
    if model and (known is None or decisions is not None):
        _write(model, splinkjson.write(linked.model) if _is_splinks(model) else linked.model.to_json())
    return Outcome(file.name, records, linked, summarise(linked), out, known is None)


def _is_splinks(path: Path | None) -> bool:
    return path is not None and path.name.endswith(_SPLINKS)


def _read_model(path: Path | None) -> Model | None:
    if path is None or not path.exists():
        return None
    try:
        text = path.read_bytes()
        return splinkjson.read(text) if _is_splinks(path) else Model.from_json(text)
    except OSError as error:
        raise Unusable(f"cannot read the model {path}: {error.strerror}") from None


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise Unusable(f"cannot write {path}: {error.strerror}") from None
