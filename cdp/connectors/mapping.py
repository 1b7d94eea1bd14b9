"""The declared mapping of a file's columns to events. Values in, values out.

    {"format": "csv", "record": {"key": "customer_number"}, "type": "identify", "user_id": "customer_number",
     "timestamp": "created_at", "time_zone": "UTC", "traits": {"email": "E_MAIL", "firstName": "FIRST"},
     "consents": [{"purpose": "marketing_email", "status": "newsletter", "granted_values": ["yes"],
                   "denied_values": ["no"], "at": "newsletter_at", "withdrawn_at": "unsubscribed_at"}],
     "date_formats": ["%Y-%m-%d", "%d/%m/%Y"]}

docs/files.md describes every key.
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cdp.catalogue.identifiers import KINDS

Row = Mapping[str, Any]


class MappingError(ValueError):
    """The mapping is wrong, or does not fit its file. The message names the key and the remedy."""


class RowProblem(ValueError):
    """A row cannot become an event: `reason` is a code, `column` the column to look at."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


class Consent(msgspec.Struct, forbid_unknown_fields=True):
    """How columns state a consent. Without `status` a row with a time in `at` counts as granted."""

    purpose: str
    status: str | None = None
    granted_values: list[str] = []
    denied_values: list[str] = []
    at: str | None = None
    expires_at: str | None = None
    withdrawn_at: str | None = None
    notice: str | None = None
    notice_column: str | None = None
    method: str | None = None
    channel: str | None = None
    jurisdiction: str | None = None
    basis: str | None = None


class FileMapping(msgspec.Struct, forbid_unknown_fields=True):
    """A whole mapping. Traits and properties map a name of ours to a column of theirs."""

    format: str
    type: str
    timestamp: str | None = None
    record: dict[str, str] = {}
    user_id: str | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    time_zone: str = "UTC"
    event: str | dict[str, str] | None = None
    traits: dict[str, str] = {}
    properties: dict[str, str] = {}
    context: dict[str, Any] = {}
    consents: list[Consent] = []
    date_formats: list[str] = msgspec.field(default_factory=lambda: ["%Y-%m-%d"])
    numbers: list[str] = []
    decimal: str = "."
    delimiter: str = ""  # empty: as the file has it
    encoding: str = ""

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Every column that is named, as (key of the mapping, column)."""
        named = {"user_id": self.user_id, "anonymous_id": self.anonymous_id, "message_id": self.message_id}
        named |= {"timestamp": self.timestamp, "record.key": self.record.get("key")}
        if isinstance(self.event, dict):
            named["event.column"] = self.event["column"]
        for part, columns in (("traits", self.traits), ("properties", self.properties)):
            named |= {f"{part}.{name}": column for name, column in columns.items()}
        named |= {f"numbers[{n}]": column for n, column in enumerate(self.numbers)}
        for n, consent in enumerate(self.consents):
            for key in ("status", "at", "expires_at", "withdrawn_at", "notice_column"):
                named[f"consents[{n}].{key}"] = getattr(consent, key)
        return [(key, column) for key, column in named.items() if column]

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times without one are read."""
        return ZoneInfo(self.time_zone)


def load(data: bytes) -> FileMapping:
    """Reads a mapping. Raises MappingError that names the key."""
    try:
        mapping = msgspec.json.decode(data, type=FileMapping)
        _ = mapping.zone
    except msgspec.DecodeError as error:
        raise MappingError(f"mapping: {error}") from None
    except (ZoneInfoNotFoundError, ValueError):
        raise MappingError(
            "mapping: `time_zone` is not a zone of the IANA database, such as Europe/Amsterdam"
        ) from None
    if mapping.format not in {"csv", "jsonl", "parquet"}:
        raise MappingError("mapping: `format` must be csv, jsonl or parquet")
    if mapping.type not in {"identify", "track"}:
        raise MappingError("mapping: `type` must be identify or track")
    if mapping.type == "track" and not mapping.event:
        raise MappingError('mapping: a track mapping needs `event`: a name, or {"column": "..."}')
    if isinstance(mapping.event, dict) and "column" not in mapping.event:
        raise MappingError('mapping: `event` must be a name or {"column": "..."}')
    if not (mapping.user_id or mapping.anonymous_id or mapping.record.get("key")):
        raise MappingError("mapping: name the column of the record's key: `user_id`, `anonymous_id` or `record.key`")
    if mapping.format != "csv" and (mapping.delimiter or mapping.encoding):
        raise MappingError("mapping: `delimiter` and `encoding` are of CSV files; JSON Lines are UTF-8")
    if len(mapping.delimiter) > 1 or mapping.delimiter in {"\r", "\n", '"'}:
        raise MappingError("mapping: `delimiter` is one sign, such as ; or \\t")
    if mapping.decimal not in {".", ","}:
        raise MappingError("mapping: `decimal` is . or ,")
    if not _is_encoding(mapping.encoding or "utf-8"):
        raise MappingError("mapping: `encoding` is none that is known; files of Excel on Windows: cp1252")
    return mapping


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)  # refuses codecs that are not of text, such as base64
    except (LookupError, ValueError):
        return False
    return True


def _absent(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _plain(value: object) -> Any:
    """JSON's own types from what a reader hands out (numpy, Arrow, dates)."""
    kind = type(value)
    if kind is str or kind is float or kind is int or kind is bool:
        return value  # nearly all: a basket has a hundred of them
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not _absent(item)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def moment(value: object, mapping: FileMapping, column: str) -> datetime:
    """A time in one of the mapping's formats or ISO 8601. Raises RowProblem."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=mapping.zone)
    text = str(value).strip()
    try:
        parsed = datetime.fromisoformat(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=mapping.zone)
    except ValueError:
        pass
    for layout in mapping.date_formats:
        try:
            return datetime.strptime(text, layout).replace(tzinfo=mapping.zone)
        except ValueError:
            continue
    raise RowProblem("unreadable_time", column)


def _day(value: object, mapping: FileMapping) -> Any:
    """A day in ISO form where one of the formats reads it; else as it came."""
    for layout in mapping.date_formats:
        try:
            return datetime.strptime(str(value).strip(), layout).date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return _plain(value)


# Digits, in groups or not, with the sign of groups in the middle: 1234.5, 1,234.50, 1 234.50, 1'234.50
_NUMBER = re.compile(r"([+-]?)(\d+|\d{1,3}(?:([,'\u2019 \u00a0\u202f])\d{3})(?:\3\d{3})*)(?:\.(\d+))?")
_SWAPPED = str.maketrans(",.", ".,")


def number(value: object, mapping: FileMapping, column: str) -> Any:
    """A number of a cell, written with the mapping's decimal sign. Raises RowProblem."""
    if not isinstance(value, str):
        return _plain(value)
    text = value.strip()
    found = _NUMBER.fullmatch(text.translate(_SWAPPED) if mapping.decimal == "," else text)
    if found is None:
        raise RowProblem("unreadable_number", column)
    sign, whole, _, rest = found.groups()
    digits = sign + "".join(sign for sign in whole if sign.isdigit())
    return int(digits) if rest is None else float(f"{digits}.{rest}")


def _cell(row: Row, mapping: FileMapping, column: str) -> Any:
    return number(row[column], mapping, column) if column in mapping.numbers else _plain(row[column])


def _decisions(row: Row, mapping: FileMapping, default: datetime | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for consent in mapping.consents:
        said = None if consent.status is None else row.get(consent.status)
        at = row.get(consent.at) if consent.at else None
        if consent.status is None:
            status = None if _absent(at) else "granted"
        else:
            word = str(said).strip().lower() if not _absent(said) else ""
            granted = {value.lower() for value in consent.granted_values or ["yes", "true", "1", "granted"]}
            denied = {value.lower() for value in consent.denied_values or ["no", "false", "0", "denied"]}
            status = "granted" if word in granted else "denied" if word in denied else None
        common = {
            "purpose": consent.purpose,
            "notice": row.get(consent.notice_column) if consent.notice_column else consent.notice,
            "method": consent.method,
            "channel": consent.channel,
            "jurisdiction": consent.jurisdiction,
            "basis": consent.basis or "consent",
        }
        common = {key: value for key, value in common.items() if not _absent(value)}
        given = None if _absent(at) else moment(at, mapping, consent.at or "")
        since = given or default
        if status:
            decision = {**common, "status": status, **({"at": since.isoformat()} if since else {})}
            if consent.expires_at and not _absent(row.get(consent.expires_at)):
                decision["expires_at"] = moment(row[consent.expires_at], mapping, consent.expires_at).isoformat()
            found.append(decision)
        if consent.withdrawn_at and not _absent(row.get(consent.withdrawn_at)):
            ended = moment(row[consent.withdrawn_at], mapping, consent.withdrawn_at).isoformat()
            found.append({**common, "status": "withdrawn", "at": ended})
    return found


def event(row: Row, mapping: FileMapping, *, dates: Sequence[str] = ("birthday", "createdAt")) -> dict[str, Any]:
    """The wire event of a row. `dates` names the traits that are days. Raises RowProblem."""
    user = row.get(mapping.user_id) if mapping.user_id else None
    anonymous = row.get(mapping.anonymous_id) if mapping.anonymous_id else None
    key_column = mapping.record.get("key", "")
    if _absent(user) and _absent(anonymous):
        anonymous = row.get(key_column) if key_column else None
    if _absent(user) and _absent(anonymous):
        raise RowProblem("missing_key", mapping.user_id or mapping.anonymous_id or key_column)
    result: dict[str, Any] = {"type": mapping.type}
    if not _absent(user):
        result["userId"] = str(_plain(user)).strip()
    if not _absent(anonymous):
        result["anonymousId"] = str(_plain(anonymous)).strip()
    when = None
    if mapping.timestamp and not _absent(row.get(mapping.timestamp)):
        when = moment(row[mapping.timestamp], mapping, mapping.timestamp)
        result["timestamp"] = when.isoformat()
    traits = {
        name: _day(row[column], mapping) if name in dates else _cell(row, mapping, column)
        for name, column in mapping.traits.items()
        if not _absent(row.get(column))
    }
    context: dict[str, Any] = dict(mapping.context)
    if mapping.type == "identify":
        result["traits"] = traits
    else:
        named = mapping.event
        name = row.get(named["column"]) if isinstance(named, dict) else named
        if _absent(name):
            raise RowProblem("missing_event_name", named["column"] if isinstance(named, dict) else "")
        result["event"] = str(name)
        result["properties"] = {
            key: _cell(row, mapping, column)
            for key, column in mapping.properties.items()
            if not _absent(row.get(column))
        }
        external = [{"id": str(value), "type": name} for name, value in traits.items() if name in KINDS]
        if external:
            context["externalIds"] = external
        others = {name: value for name, value in traits.items() if name not in KINDS or name in {"email", "phone"}}
        if others:
            context["traits"] = others
    decisions = _decisions(row, mapping, when)
    if decisions:
        context["consent"] = {"decisions": decisions}
    if context:
        result["context"] = context
    given = row.get(mapping.message_id) if mapping.message_id else None
    result["messageId"] = str(_plain(given)) if not _absent(given) else _content_id(result)
    return result


def _content_id(event: Mapping[str, Any]) -> str:
    """The same row gives the same id wherever it stands, so that a file twice changes nothing. It is only ever kept as
    the keyed digest that accept makes of it."""
    return hashlib.sha256(msgspec.json.encode(event, order="sorted")).hexdigest()
