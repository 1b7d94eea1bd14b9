"""What a wire event says, in the terms of the rooms below: an observation, statements of consent, a remainder to seal.

Values in, values out; no database. The names are those of Segment's tracking API.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct

from cdp.catalogue.builtin import IDENTIFIER_NAMES
from cdp.catalogue.identifiers import KINDS
from cdp.catalogue.snapshot import Catalogue
from cdp.catalogue.split import Split
from cdp.groups import observe as groups
from cdp.sources.lookup import SourceInfo
from consent.models import Basis
from consent.record import Statement, content_of
from identity.prepare import Observation

TYPES = {"identify": 1, "track": 2, "page": 3, "screen": 4, "group": 5, "alias": 6, "merge": 6}
_DIMENSION = {"identify": "trait", "track": "property", "page": "property", "screen": "property", "group": "group"}
_HEAD = frozenset({"context", "type"})
_BODY = {"identify": "traits", "track": "properties", "page": "properties", "screen": "properties", "group": "traits"}


class InvalidConsent(ValueError):
    """What an event says of consent cannot be read."""


class Reading(Struct, frozen=True):
    """One event as read: `facts` may stand in clear, `sealed` may not."""

    type: int
    name: UUID | None
    label: str  # the event's name as sent
    observation: Observation
    facts: dict[str, Any]
    sealed: dict[str, Any]
    splits: tuple[Split, ...]


def _identifiers(event: Mapping[str, Any], catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Everything in an event that says who it is about: (kind, raw value)."""
    for field, kind in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if event.get(field):
            yield kind, str(event[field])
    context = event.get("context") or {}
    for traits in (event.get("traits") if event.get("type") == "identify" else None, context.get("traits")):
        if isinstance(traits, Mapping):
            for trait, kind in catalogue.identifiers.items():
                value = traits.get(trait)
                if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                    yield kind, str(value)
    for external in context.get("externalIds") or ():
        if isinstance(external, Mapping) and external.get("type") in KINDS and external.get("id"):
            yield str(external["type"]), str(external["id"])
    if event.get("type") == "alias" and event.get("previousId"):
        # The previous id was a user id or an anonymous id: nothing on the wire tells which.
        yield "user_id", str(event["previousId"])
        yield "anonymous_id", str(event["previousId"])
    if event.get("type") == "merge":
        for said in event["mergeProperties"]:
            yield IDENTIFIER_NAMES[said["type"]], str(said["value"])


def read(event: Mapping[str, Any], *, source: SourceInfo, catalogue: Catalogue, occurred_at: datetime) -> Reading:
    """Splits an accepted event into what may stand in clear and what must be sealed, and says whom it is about."""
    kind = str(event["type"])
    key_kind, key = ("user_id", event["userId"]) if event.get("userId") else ("anonymous_id", event["anonymousId"])
    label = str(
        (event.get("event") if kind == "track" else event.get("name") if kind in {"page", "screen"} else "") or ""
    )
    body_field = _BODY.get(kind)
    body = event.get(body_field) if body_field else None
    body = body if isinstance(body, Mapping) else {}
    context = event.get("context") if isinstance(event.get("context"), Mapping) else {}
    dimension = _DIMENSION.get(kind)
    splits: list[Split] = []
    facts: dict[str, Any] = {}
    sealed: dict[str, Any] = {k: v for k, v in event.items() if k not in _HEAD and k != body_field}
    traits_facts: dict[str, Any] = {}
    traits_sealed: dict[str, Any] = {}
    if dimension and body:
        split = catalogue.split(dimension, body)
        splits.append(split)
        facts = dict(split.facts)
        sealed[str(body_field)] = split.sealed
        if kind == "identify":
            traits_facts, traits_sealed = split.facts, split.sealed
    elif body:
        sealed[str(body_field)] = body
    if context:
        split = catalogue.split("context", context)
        splits.append(split)
        if split.facts:
            facts["$context"] = split.facts
        sealed["context"] = split.sealed
    return Reading(
        type=TYPES[kind],
        name=catalogue.event_name(label) if label else None,
        label=label,
        observation=Observation(
            source_id=source.id,
            namespace=source.namespace,
            region=source.region,
            key_kind=key_kind,
            key=str(key),
            identifiers=list(_identifiers(event, catalogue)),
            facts=traits_facts,
            sealed=traits_sealed,
            occurred_at=occurred_at,
        ),
        facts=facts,
        sealed=sealed,
        splits=tuple(splits),
    )


def group_call(reading: Reading, *, record_id: UUID, source: SourceInfo, occurred_at: datetime) -> groups.Statement:
    """What a group call (type `group`) says of a group and its member."""
    return groups.Statement(
        record_id=record_id,
        source_id=source.id,
        namespace=source.namespace,
        group=str(reading.sealed["groupId"]),
        facts={name: value for name, value in reading.facts.items() if name != "$context"},
        sealed=reading.sealed.get("traits", {}),
        occurred_at=occurred_at,
    )


def slug(text: str) -> str:
    """A purpose's key from what a consent manager calls it: "Marketing E-mail" and "marketing_e_mail" are one."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _moment(value: object) -> datetime | None:
    """A time with zone, or None where none is given. Raises ValueError for anything else."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a time of a consent must be ISO 8601 with a zone")
    return moment


def statements(
    event: Mapping[str, Any],
    *,
    subjects: tuple[UUID, ...],
    message: UUID,
    source: SourceInfo,
    purposes: Mapping[str, str],
    occurred_at: datetime,
) -> list[Statement]:
    """What an event's own `context.consent` says. `purposes` maps slugs of declared purposes to their keys.

    A preference for a purpose that nobody declared says nothing here (no entry = denied): it stays sealed in the event
    and is listed in the catalogue as an undeclared key. Raises InvalidConsent for a statement that cannot be read: an
    event that may hold a refusal must not pass as if it said nothing.

    A decision with a time of its own (`at`) is one line of the ledger, however many events repeat it. A preference without
    one holds from its event on, so each is a line: were it left out as "nothing new", a refusal between the two that arrives
    later would seem to be the last word, although the person agreed again after it.
    """
    consent = (event.get("context") or {}).get("consent")
    if not isinstance(consent, Mapping):
        return []
    found: list[dict[str, Any]] = []
    preferences = consent.get("categoryPreferences")
    if isinstance(preferences, Mapping):
        for category, allowed in preferences.items():
            if isinstance(allowed, bool):
                found.append({"purpose": category, "status": "granted" if allowed else "denied"})
    decisions = consent.get("decisions")
    if isinstance(decisions, list):
        found.extend(dict(decision) for decision in decisions if isinstance(decision, Mapping))
    result = []
    for number, said in enumerate(found):
        purpose = purposes.get(slug(str(said.get("purpose", ""))))
        if purpose is None:
            continue
        try:
            decided_at = _moment(said.get("at"))
            statement = Statement(
                subjects=subjects,
                purpose=purpose,
                status=str(said.get("status")),
                basis=str(said.get("basis", Basis.CONSENT)),
                effective_from=decided_at or occurred_at,
                expires_at=_moment(said.get("expires_at")),
                notice_version=_code(said.get("notice")),
                channel=_code(said.get("channel")),
                method=_code(said.get("method")),
                jurisdiction=_code(said.get("jurisdiction"))[:10],
                source_id=source.id,
                cause=uuid5(message, str(number)),
            )
        except ValueError as error:
            raise InvalidConsent(str(error)) from None
        result.append(replace(statement, cause=content_of(statement)) if decided_at else statement)
    return result


def _code(value: object) -> str:
    """A short code word, or nothing: the ledger keeps no free text in clear."""
    text = value if isinstance(value, str) else ""
    return text if re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", text) else ""
