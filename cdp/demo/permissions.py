"""Who has agreed to what, a second time: from consents.csv and the web shop's script, by one loop, without the ledger.

A person is what identity resolution says: a profile with its identifiers. The rule (consent/rules.py says why): of each
identifier the last word counts, one "no" outweighs every "yes", a "yes" counts only for the person who has all the
identifiers that it was given under, and it ends when it expires.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cdp.demo import world
from cdp.demo.files import Manifest
from cdp.demo.webshop import read
from cdp.demo.whereabouts import Whereabouts
from cdp.sources.lookup import SourceInfo
from identity.prepare import Observation, digests_of

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_STRICT = {"granted": 0, "denied": 1, "withdrawn": 2}
_IDENTIFYING = {
    "crm": {"customer_number": "customer_number", "email": "email", "phone": "phone"},
    "loyalty": {"loyalty_card": "card_number", "customer_number": "customer_number", "email": "email", "phone": "phone"},
}  # fmt: skip


class Said(NamedTuple):
    """One statement. `under`: digests of the identifiers that the person was known by when saying it."""

    system: str
    under: frozenset[UUID]
    purpose: str
    status: str
    at: datetime
    until: datetime | None


def statements(manifest: Manifest, sources: Mapping[str, SourceInfo]) -> list[Said]:
    """Everything that anybody said, in the files and on the web."""
    return [*_in_files(manifest, sources), *_on_the_web(manifest.files["web"][0], sources["web"])]


def counts(said: list[Said]) -> Counter[tuple[str, str, str]]:
    """(system, purpose, status) -> how many statements: what the ledger must hold."""
    return Counter((one.system, one.purpose, one.status) for one in said)


def agreed(said: list[Said], where: Whereabouts, *, at: datetime) -> dict[str, set[UUID]]:
    """Purpose -> the profiles that have agreed at `at`."""
    shared = {digest for one in said for digest in one.under} - set().union(*where.identifiers.values())
    about: dict[tuple[str, UUID], list[Said]] = defaultdict(list)
    for one in said:
        own = one._replace(under=one.under - shared)
        for digest in own.under:
            if one.at <= at:
                about[one.purpose, digest].append(own)
    return {
        purpose: {profile for profile, has in where.identifiers.items() if _agrees(about, purpose, has, at)}
        for purpose in world.PURPOSES
    }


def _agrees(about: Mapping[tuple[str, UUID], list[Said]], purpose: str, has: set[UUID], at: datetime) -> bool:
    granted = False
    for digest in has:
        heard = [one for one in about.get((purpose, digest), ()) if one.status != "granted" or one.under <= has]
        if heard:
            # Of two grants at one moment the shorter one counts.
            last = max(heard, key=lambda one: (one.at, _STRICT[one.status], -_ends(one)))
            if last.status != "granted":
                return False
            granted = granted or last.until is None or last.until > at
    return granted


def _ends(one: Said) -> float:
    return one.until.timestamp() if one.until else float("inf")


def _in_files(manifest: Manifest, sources: Mapping[str, SourceInfo]) -> Iterator[Said]:
    under = {
        ("crm", row["customer_number"]): _digests(sources["crm"], row["customer_number"], row, "crm")
        for row in _rows(manifest.files["crm"][0])
    }
    under |= {
        ("loyalty", row["card_number"]): _digests(sources["loyalty"], row["card_number"], row, "loyalty")
        for row in _json_rows(manifest.files["loyalty"][0])
    }
    for row in _rows(manifest.consents):
        who = under[row["system"], row["external_key"]]
        at, until = datetime.fromisoformat(row["at"]), _moment(row["expires_at"])
        yield Said(row["system"], who, row["purpose"], row["status"], at, until)
        if row["withdrawn_at"]:
            ended = datetime.fromisoformat(row["withdrawn_at"])
            yield Said(row["system"], who, row["purpose"], "withdrawn", ended, None)


def _on_the_web(script: Path, source: SourceInfo) -> Iterator[Said]:
    for method, call in read(script):
        context, at = call["context"], call["timestamp"]
        consent = context.get("consent") or {}
        if not (consent or context.get("gpc")):
            continue
        who = _caller(source, method, call)
        for purpose, allowed in consent.get("categoryPreferences", {}).items():
            yield Said("web", who, purpose, "granted" if allowed else "denied", at, None)
        for one in consent.get("decisions", ()):
            yield Said(
                "web", who, one["purpose"], one["status"], datetime.fromisoformat(one["at"]), _moment(one["expires_at"])
            )
        if context.get("gpc"):
            yield Said("web", who, world.GPC_ENDS, "withdrawn", at, None)


def _caller(source: SourceInfo, method: str, call: Mapping[str, Any]) -> frozenset[UUID]:
    named = [("user_id", call.get("user_id")), ("anonymous_id", call.get("anonymous_id"))]
    traits = call.get("traits", {}) if method == "identify" else {}
    named += [(kind, traits.get(kind)) for kind in ("email", "customer_number")]
    # Nothing on the wire tells which of the two a previous id was.
    named += [(kind, call.get("previous_id")) for kind in ("user_id", "anonymous_id")]
    return _observed(source, [(kind, str(value)) for kind, value in named if value])


def _digests(source: SourceInfo, key: str, row: Mapping[str, Any], system: str) -> frozenset[UUID]:
    named = [(kind, str(row[column])) for kind, column in _IDENTIFYING[system].items() if row[column]]
    return _observed(source, [("user_id", key), *named])


def _observed(source: SourceInfo, named: list[tuple[str, str]]) -> frozenset[UUID]:
    kind, key = named[0]
    seen = Observation(source.id, source.namespace, source.region, kind, key, named, {}, {}, _ANY_TIME)
    return frozenset(digests_of(seen))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _json_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
