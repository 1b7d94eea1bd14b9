"""A second, naive reading of the rules in docs/consent.md, written apart from `consent.rules`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

RANK = ["granted", "released", "denied", "withdrawn", "objected", "restricted"]


@dataclass(frozen=True)
class Line:
    purpose: str
    status: str
    subjects: frozenset[UUID]
    since: datetime
    until: datetime | None = None


def _last(lines: list[Line]) -> Line | None:
    """The latest; of several at one moment the strictest, of several grants the shortest."""
    best: Line | None = None
    for line in lines:
        if best is None or line.since > best.since:
            best = line
        elif line.since == best.since and RANK.index(line.status) >= RANK.index(best.status):
            longer = (
                line.status == best.status == "granted" and best.until and (not line.until or line.until >= best.until)
            )
            if not longer:
                best = line
    return best


def allowed(lines: Iterable[Line], person: Iterable[UUID], purpose: str, at: datetime, basis: str) -> bool:
    everyone = frozenset(person)
    counting = [
        line
        for line in lines
        if line.purpose in (purpose, "*")
        and line.since <= at
        and (line.subjects <= everyone if line.status in ("granted", "released") else line.subjects & everyone)
    ]
    granted = False
    for digest in everyone:
        mine = [line for line in counting if digest in line.subjects]
        said = _last([line for line in mine if line.status in ("granted", "denied", "withdrawn")])
        objected = _last([line for line in mine if line.status in ("objected", "released", "granted")])
        restricted = _last([line for line in mine if line.status in ("restricted", "released")])
        if restricted and restricted.status == "restricted":
            return False
        if said and said.status == "withdrawn":
            return False
        if basis in ("consent", "legitimate_interests", "public_task"):
            if said and said.status == "denied":
                return False
            if objected and objected.status == "objected":
                return False
        if said and said.status == "granted" and (said.until is None or said.until > at):
            granted = True
    return granted if basis == "consent" else True
