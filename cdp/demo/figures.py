"""What the demo has come to, in figures: read from the database, and checked against the input where that can be."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.catalogue.identifiers import LABELS
from cdp.demo import permissions, truth
from cdp.demo.checks import CHECKS, Input
from cdp.demo.files import Manifest
from cdp.demo.scoring import Resolved
from cdp.demo.segments import SEGMENTS, Wanted
from cdp.demo.stages import Stages
from cdp.demo.whereabouts import Whereabouts
from cdp.demo.world import PURPOSES, World
from cdp.events.reads import check, reconciliation
from consent.permits import permitted_sql
from segments.models import Segment
from segments.wake import wake


@dataclass(frozen=True)
class Size:
    """A segment's people, as the platform has them and as the input says: those who may be listed, and those withheld."""

    wanted: Wanted
    listed: frozenset[UUID]
    withheld: frozenset[UUID]
    computed_listed: frozenset[UUID]
    computed_withheld: frozenset[UUID]

    @property
    def confirmed(self) -> bool:
        """The same people, not only as many."""
        return (self.listed, self.withheld) == (self.computed_listed, self.computed_withheld)


@dataclass
class Figures:
    """Everything that the summary shows."""

    rows: dict[str, int]
    outcomes: dict[str, dict[str, int]]
    unaccounted: dict[UUID, int]
    counts: dict[str, int]
    links: list[tuple[str, int]]
    retired: list[tuple[str, str, int, int]]
    ledger: dict[tuple[str, str, str], int]
    said: Counter[tuple[str, str, str]]
    permitted: dict[str, int]
    agreed: dict[str, int]
    sizes: list[Size] = field(default_factory=list)
    records: list[Resolved] = field(default_factory=list)
    exact: list[Resolved] = field(default_factory=list)  # as they were put together by identifiers alone
    example: str = ""

    @property
    def consents_confirmed(self) -> bool:
        """The ledger holds what was said and nothing else, and who is permitted is who has agreed."""
        return self.ledger == dict(self.said) and self.permitted == self.agreed

    @property
    def confirmed(self) -> bool:
        """Whether all that can be checked was found right."""
        return not self.unaccounted and self.consents_confirmed and all(size.confirmed for size in self.sizes)

    @property
    def linkable(self) -> list[Resolved]:
        """The records with something of a person in them."""
        return linkable(self.records)


def linkable(records: list[Resolved]) -> list[Resolved]:
    """Those with something of a person in them."""
    return [one for one in records if one.tag not in truth.UNLINKABLE]


def gather(stages: Stages, made: World, manifest: Manifest, exact: list[Resolved]) -> Figures:
    """Reads and checks everything, with a bar. `exact`: see Figures."""
    where = Whereabouts(made.sources)
    names = {source.id: name for name, source in made.sources.items()}
    with stages.stage("Checking people and consents") as stage:
        said = permissions.statements(manifest, made.sources)
        stage.report(1)
        at = datetime.now(UTC)
        agreed = permissions.agreed(said, where, at=at)
        stage.report(2)
        told = Figures(
            rows=manifest.rows,
            outcomes={name: reconciliation(source.id) for name, source in made.sources.items()},
            unaccounted=check(),
            counts=_counts(),
            links=_rows("SELECT rule, count(*) FROM identity_link GROUP BY rule ORDER BY 2 DESC"),
            retired=[
                (LABELS[kind], why, n, most)
                for kind, why, n, most in _rows(
                    "SELECT kind, reason, count(*), max(holders) FROM identity_retiredvalue GROUP BY 1, 2 ORDER BY 1, 2"
                )
            ],
            ledger=_ledger(names),
            said=permissions.counts(said),
            permitted={purpose: len(_permitted(purpose, at)) for purpose in PURPOSES},
            agreed={purpose: len(agreed[purpose]) for purpose in PURPOSES},
            records=_resolved(manifest, where),
            exact=exact,
        )
        told.example = _example(manifest, where)
    _segments(stages, told, manifest, where, said)
    return told


def _segments(
    stages: Stages, told: Figures, manifest: Manifest, where: Whereabouts, said: list[permissions.Said]
) -> None:
    with stages.stage("Computing the segments from the input", len(SEGMENTS)) as stage:
        data = Input(manifest, where)
        at = datetime.now(UTC)
        while wake(at):
            stage.report(0, len(SEGMENTS))
        stored, agreed = _members(), permissions.agreed(said, where, at=at)
        for number, wanted in enumerate(SEGMENTS, start=1):
            members, may = stored.get(wanted.key, frozenset()), _permitted(wanted.purpose, at)
            computed, allowed = frozenset(CHECKS[wanted.key](data, at, agreed)), agreed[wanted.purpose]
            told.sizes.append(Size(wanted, members & may, members - may, computed & allowed, computed - allowed))
            stage.report(number, len(SEGMENTS))


def _rows(sql: str, params: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _counts() -> dict[str, int]:
    tables = {
        "profiles": "identity_profile", "records": "identity_record", "identifiers": "identity_evidence",
        "merges": "identity_merge", "events": "events_event", "ledger": "consent_ledgerentry",
    }  # fmt: skip
    return {name: _rows(f"SELECT count(*) FROM {table}")[0][0] for name, table in tables.items()}


def _ledger(names: Mapping[UUID, str]) -> dict[tuple[str, str, str], int]:
    found = _rows("SELECT source_id, purpose, status, count(*) FROM consent_ledgerentry GROUP BY 1, 2, 3")
    return {(names.get(source, "other"), purpose, status): n for source, purpose, status, n in found}


def _permitted(purpose: str, at: datetime) -> frozenset[UUID]:
    condition, params = permitted_sql(purpose, at, column="id")
    return frozenset(row[0] for row in _rows(f"SELECT id FROM identity_profile WHERE {condition}", params))


def _members() -> dict[str, frozenset[UUID]]:
    keys = dict(Segment.objects.values_list("id", "key"))
    found: dict[str, set[UUID]] = {key: set() for key in keys.values()}
    for segment, profile in _rows("SELECT segment_id, profile_id FROM segments_membership WHERE member"):
        found[keys[segment]].add(profile)
    return {key: frozenset(people) for key, people in found.items()}


def resolved(manifest: Manifest, made: World) -> list[Resolved]:
    """Each record of the truth and its profile, as it is now."""
    return _resolved(manifest, Whereabouts(made.sources))


def _resolved(manifest: Manifest, where: Whereabouts) -> list[Resolved]:
    """Each record of the truth and its profile; one that is not stored (a user id that many share) is alone."""
    with manifest.truth.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for system in manifest.records:
        where.find(system, [row["external_key"] for row in rows if row["system"] == system])
    return [
        Resolved(
            row["person_id"],
            where.find(row["system"], ()).get(row["external_key"], (row["system"], row["external_key"])),
            row["tag"],
        )
        for row in rows
    ]


def _example(manifest: Manifest, where: Whereabouts) -> str:
    """The e-mail address of an invented customer who is known to many systems: for the example of a look-up."""
    with manifest.files["crm"][0].open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "@" in row["email"] and " " not in row["email"]]
    found = where.find("crm", [row["customer_number"] for row in rows])
    records = Counter(profile for keys in where.known() for profile in keys.values())
    best = max(
        rows, key=lambda row: (row["marketing_email"] in {"yes", "1", "Y"}, records[found[row["customer_number"]]])
    )
    return best["email"]
