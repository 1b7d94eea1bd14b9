"""An event as it came over the wire, line by line, as far as its reader may see it. Pure: values in, values out.

Three questions are kept apart: may the reader see names that nobody declared (they can be personal data), may they see
facts (only of a person who permits it), and may they see all of it in clear (a reveal).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp.access.masking import HIDDEN, kind_of, mask
from cdp.catalogue import paths
from cdp.catalogue.snapshot import SCOPES, Catalogue
from cdp.events.shape import TYPES, Invalid, moment

BODIES = {
    "identify": ("traits", "trait"),
    "track": ("properties", "property"),
    "page": ("properties", "property"),
    "screen": ("properties", "property"),
    "group": ("traits", "group"),
}
_ORDER = ("type", "event", "name", "category", "messageId", "userId", "anonymousId", "previousId", "groupId",
          "timestamp", "originalTimestamp", "sentAt", "receivedAt", "properties", "traits", "context")  # fmt: skip
_TIMES = {"timestamp", "originalTimestamp", "sentAt", "receivedAt"}
_IDS = {"userId", "anonymousId", "previousId", "groupId"}
_WIRE = {*_ORDER, "integrations", "channel", "version", "mergeProperties", "writeKey", "_metadata"}
# What SDKs make up themselves: words of the SDK, a time, a UUID. Anything else may be somebody's order or address.
_MADE_UP = re.compile(r"([a-z-]{2,16}-)?(\d{13}-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DEEPEST, _MOST = 12, 400


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader sees: `names` that nobody declared, `facts`, everything (`open`); `masks`: identifying values by their
    kind (a•••@•••) instead of nothing."""

    names: bool = False
    facts: bool = False
    open: bool = False

    @property
    def masks(self) -> bool:
        """Who may see a person's facts may see masked values as well."""
        return self.facts or self.open


@dataclass(frozen=True, slots=True)
class Line:
    """One key: how deep it lies, its class of data ("wire" for the protocol's own), the type of its value and what of it
    is shown (None: nothing). `note` says why a declared field was not read as declared."""

    depth: int
    name: str
    data_class: str
    type: str
    shown: Any = None
    note: str = ""


def type_of(value: Any) -> str:
    """The kind of a JSON value, in a word."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text" if value else "empty text"
        case Mapping():
            return "object" if value else "empty object"
        case list():
            return f"list of {len(value)}" if value else "empty list"
    return "value"


def lines(event: Mapping[str, Any], catalogue: Catalogue, sight: Sight) -> list[Line]:
    """The event's lines, the protocol's own fields first; at most a few hundred."""
    found: list[Line] = []
    names = [name for name in _ORDER if name in event] + [name for name in event if name not in _ORDER]
    for name in names:
        for line in _top(name, event, catalogue, sight):
            found.append(line)
            if len(found) >= _MOST:
                return found
    return found


def _top(name: str, event: Mapping[str, Any], catalogue: Catalogue, sight: Sight) -> Iterator[Line]:
    value = event[name]
    body, scope = BODIES.get(str(event.get("type")), ("", ""))
    if isinstance(value, Mapping) and ((name == body and scope in SCOPES) or name == "context"):
        scope = "context" if name == "context" else scope
        yield Line(0, name, "wire", type_of(value))
        facts = catalogue.split(scope, value).facts
        yield from _Walk(catalogue, scope, sight, _leading(catalogue, scope)).object(value, facts, "", 1, "undeclared")
    elif name in _IDS:
        yield Line(0, name, "identifying", type_of(value), _identifying(value, "id", sight))
    elif name in _WIRE:
        yield Line(0, name, "wire", type_of(value), _wire(name, value, catalogue, sight))
    else:
        shown = value if sight.open else HIDDEN
        yield Line(0, name if sight.names or sight.open else HIDDEN, "undeclared", type_of(value), shown)


def _wire(name: str, value: Any, catalogue: Catalogue, sight: Sight) -> Any:
    """A field of the protocol: shown if it can hold nothing personal."""
    if sight.open or isinstance(value, bool):
        return value
    if name in _TIMES:
        try:
            return moment(value, name).isoformat()
        except Invalid:
            return HIDDEN
    if not isinstance(value, str):
        return None
    plain = (
        (name == "type" and value in TYPES | {"merge"})
        or (name == "messageId" and _MADE_UP.fullmatch(value))
        or (name in ("event", "name") and (sight.names or catalogue.declared("event", value)))
        or (name == "channel" and value in ("web", "mobile", "server", "browser"))
    )
    return value if plain else HIDDEN


def _identifying(value: Any, kind: str, sight: Sight) -> Any:
    if sight.open:
        return value
    return mask(value, kind) if sight.masks and isinstance(value, str | int | float) else HIDDEN


def _leading(catalogue: Catalogue, scope: str) -> frozenset[str]:
    """The paths below which something is declared: "a" and "a.b" for "a.b[].c"."""
    found = set()
    for info in catalogue.fields(scope):
        prefix = ""
        for key, is_list in paths.steps(info.name)[:-1]:
            prefix = paths.join(prefix, key)
            found.add(prefix)
            prefix += "[]" if is_list else ""
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Down one object of the wire, beside the facts that the catalogue took out of it."""

    catalogue: Catalogue
    scope: str
    sight: Sight
    leading: frozenset[str]  # paths below which something is declared

    def object(
        self, values: Mapping[str, Any], facts: Mapping[str, Any], prefix: str, depth: int, above: str
    ) -> Iterator[Line]:
        """The lines of an object; `above` is the class that undeclared keys have here."""
        if depth > _DEEPEST:
            return
        for key, value in values.items():
            path = paths.join(prefix, key)
            info = self.catalogue.declared(self.scope, path)
            data_class = info.data_class if info else above
            known = info is not None or above == "identifying" or path in self.leading
            name = key if known or self.sight.names or self.sight.open else HIDDEN
            fact = facts.get(key)
            if isinstance(value, Mapping) and value:
                yield Line(depth, name, "wire" if not info else data_class, type_of(value))
                inner = fact if isinstance(fact, Mapping) else {}
                yield from self.object(value, inner, path, depth + 1, data_class if info else above)
            elif isinstance(value, list) and value and isinstance(value[0], Mapping):
                yield Line(depth, name, "wire" if not info else data_class, type_of(value))
                inner_list = fact if isinstance(fact, list) else []
                yield from self._list(value, inner_list, f"{path}[]", depth + 1, data_class if info else above)
            else:
                yield self._leaf(name, path, value, data_class, depth, is_fact=key in facts)

    def _list(self, values: list[Any], facts: list[Any], prefix: str, depth: int, above: str) -> Iterator[Line]:
        for position, value in enumerate(values[:20]):
            fact = facts[position] if position < len(facts) and isinstance(facts[position], Mapping) else {}
            yield Line(depth, f"[{position}]", "wire", type_of(value))
            if isinstance(value, Mapping):
                yield from self.object(value, fact, prefix, depth + 1, above)

    def _leaf(self, name: str, path: str, value: Any, data_class: str, depth: int, *, is_fact: bool) -> Line:
        if is_fact:
            shown = value if self.sight.facts or self.sight.open else None
            return Line(depth, name, "fact", type_of(value), shown)
        info = self.catalogue.declared(self.scope, path)
        note = ""
        if info is not None and info.data_class == "fact":
            note = f"declared as {info.type}, and this value is not one or may be personal: sealed"
            data_class = "undeclared"
        shown = _identifying(value, kind_of(path), self.sight) if data_class == "identifying" else HIDDEN
        return Line(depth, name, data_class, type_of(value), value if self.sight.open else shown, note)
