"""`write`: the whole demo input in one folder, the same for the same (households, seed, anchor)."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cdp.demo import agreed, crm, grocer, loyalty, mappings, people, plans, till, truth, webshop

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Manifest:
    """What was written.

    files: system -> its files, in the order to import (crm, loyalty, mailings, pos: one source each, mailings
    belonging to the source loyalty; web: the script). mappings: the declared mapping of each but web. rows: rows or
    calls of each. records: records (source, strongest external id) of each system. tags: records by truth tag.
    persons: true persons with at least one record.
    """

    folder: Path
    seed: int
    households: int
    anchor: datetime
    files: dict[str, list[Path]]
    mappings: dict[str, Path]
    truth: Path
    misses: Path
    consents: Path
    rows: dict[str, int]
    records: dict[str, int]
    persons: int
    tags: dict[str, int]
    purposes: tuple[str, ...]
    notices: tuple[str, ...]
    agreements: dict[str, int]


def write(folder: Path, *, households: int | None, seed: int, anchor: datetime) -> Manifest:
    """Writes crm.csv, loyalty.jsonl, mailings.jsonl, pos/part-N.parquet, web.jsonl, their mappings, and what is true
    of them: truth.csv (system, external_key, person_id, household_id, tag), misses.json (tags counted and explained),
    consents.csv (every agreement with its state at `anchor`), manifest.json. The data's year is moved by whole weeks
    to end in the 7 days up to `anchor` (aware UTC).
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = grocer.load(households).shifted(anchor)
    until = data.end.to_pydatetime()
    start = until - YEAR
    bands = dict(zip(data.demographics["household_id"], data.demographics["age"], strict=True))
    cast = people.cast(data.households, seed=seed, on=until.date(), age_bands=bands)
    planned = plans.plan(cast, _habits(data, start, until), seed=seed)
    shoppers = plans.shopper_plans(planned)

    crm_rows, crm_truth, crm_said = crm.write(planned, seed=seed, until=until)
    card_rows, card_truth, card_said = loyalty.write(planned, data, seed=seed, until=until)
    mailed = loyalty.mailings(shoppers, data)
    pos_files, baskets, pos_truth = till.write(folder / "pos", shoppers, data, seed=seed)
    calls, web_truth = webshop.write(planned, data, seed=seed, start=start, until=until)

    entries = [*crm_truth, *card_truth, *pos_truth, *web_truth]
    tags = truth.tags(entries)
    files = {
        "crm": [_csv(folder / "crm.csv", crm.COLUMNS, crm_rows)],
        "loyalty": [_lines(folder / "loyalty.jsonl", card_rows)],
        "mailings": [_lines(folder / "mailings.jsonl", mailed)],
        "pos": pos_files,
        "web": [_lines(folder / "web.jsonl", calls)],
    }
    said = [("crm", *one) for one in crm_said] + [("loyalty", *one) for one in card_said]
    manifest = Manifest(
        folder=folder,
        seed=seed,
        households=len(data.households),
        anchor=anchor,
        files=files,
        mappings={name: _json(folder / f"{name}.map.json", mapping) for name, mapping in mappings.ALL.items()},
        truth=_truth(folder / "truth.csv", entries, tags),
        misses=_misses(folder / "misses.json", entries, tags),
        consents=_consents(folder / "consents.csv", said, anchor),
        rows={
            "crm": len(crm_rows),
            "loyalty": len(card_rows),
            "mailings": len(mailed),
            "pos": baskets,
            "web": len(calls),
        },
        records=dict(Counter(entry.system for entry in entries)),
        persons=len({entry.person_id for entry in entries} - {truth.NOBODY}),
        tags=dict(sorted(Counter(tags).items())),
        purposes=agreed.PURPOSES,
        notices=agreed.NOTICES,
        agreements=dict(sorted(Counter(one.state(anchor) for _, _, one in said).items())),
    )
    _json(folder / "manifest.json", _plain(asdict(manifest), folder))
    return manifest


def _habits(data: grocer.Grocer, start: datetime, until: datetime) -> plans.Habits:
    first = data.baskets.groupby("household_id")["occurred_at"].min()
    return plans.Habits(
        members=frozenset(data.demographics["household_id"]) | frozenset(data.campaigns["household_id"]),
        redeemers=frozenset(data.redemptions["household_id"]),
        first_bought={int(one): at.to_pydatetime() for one, at in zip(first.index, first, strict=True)},
        year_start=start,
        until=until,
    )


def _truth(path: Path, entries: Sequence[truth.Entry], tags: Sequence[str]) -> Path:
    columns = ["system", "external_key", "person_id", "household_id", "tag"]
    rows = (
        dict(zip(columns, (one.system, one.key, one.person_id, str(one.household_id or ""), tag), strict=True))
        for one, tag in zip(entries, tags, strict=True)
    )
    return _csv(path, columns, rows)


def _misses(path: Path, entries: Sequence[truth.Entry], tags: Sequence[str]) -> Path:
    """Which records exact links cannot reach, by reason; and how many persons that concerns."""
    astray = [(one, tag) for one, tag in zip(entries, tags, strict=True) if tag in truth.PROBABILISTIC]
    with_several = Counter(one.person_id for one in entries if one.identifiers)
    several = sum(1 for count in with_several.values() if count > 1)
    persons = len({one.person_id for one, _ in astray})
    return _json(
        path,
        {
            "records_by_tag": dict(sorted(Counter(tags).items())),
            "probabilistic_records_by_tag": dict(sorted(Counter(tag for _, tag in astray).items())),
            "probabilistic_persons": persons,
            "persons_with_several_records": several,
            "probabilistic_share": round(persons / several, 4) if several else 0.0,
            "unlinkable_tags": sorted(truth.UNLINKABLE),
            "probabilistic_tags": sorted(truth.PROBABILISTIC),
        },
    )


def _consents(path: Path, said: Iterable[tuple[str, str, agreed.Agreement]], anchor: datetime) -> Path:
    columns = [
        "system", "external_key", "purpose", "status", "notice", "channel", "method", "at", "expires_at",
        "withdrawn_at", "state_at_anchor",
    ]  # fmt: skip
    rows = (
        {
            "system": system, "external_key": key, "purpose": one.ask.purpose, "status": one.status,
            "notice": one.ask.notice,
            "channel": one.ask.channel, "method": one.ask.method, "at": crm.stamp(one.at),
            "expires_at": crm.stamp(one.expires_at),
            "withdrawn_at": crm.stamp(one.withdrawn_at), "state_at_anchor": one.state(anchor),
        }
        for system, key, one in said
    )  # fmt: skip
    return _csv(path, columns, rows)


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    return path


def _json(path: Path, value: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _plain(value: Any, folder: Path) -> Any:
    """Paths relative to the folder: the manifest says the same wherever it was written."""
    if isinstance(value, dict):
        return {name: _plain(one, folder) for name, one in value.items() if name != "folder"}
    if isinstance(value, list | tuple):
        return [_plain(one, folder) for one in value]
    if isinstance(value, Path):
        return value.relative_to(folder).as_posix()
    return value.isoformat() if isinstance(value, datetime) else value
