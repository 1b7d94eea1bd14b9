"""What a reader sees of opened values: facts as they are, the rest masked unless it is open to them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from cdp.access.masking import HIDDEN, kind_of, mask, mask_traits
from cdp.events.reads import TimelineEvent
from identity.known import GoldenValue, Identifier, RecordView

_BODIES = ("properties", "traits")
_SEEN_ELSEWHERE = {*_BODIES, "context", "event", "name", "timestamp", "originalTimestamp", "sentAt", "receivedAt"}


def value(name: str, content: Any, data_class: str, *, open: bool) -> Any:
    """One value of a trait. Lists and objects are masked whole: how many there are can tell as well."""
    if open or data_class == "fact":
        return content
    if data_class == "identifying" and not isinstance(content, list | dict):
        return mask(content, kind_of(name))
    return HIDDEN


def name(path: str, data_class: str, *, open: bool) -> str:
    """The name of a trait: that of an undeclared one can be personal data too."""
    return HIDDEN if data_class == "undeclared" and not open else path


def traits(values: Iterable[GoldenValue], *, open: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The golden record as (path -> value, path -> class). All undeclared traits become one entry if not open."""
    found: dict[str, Any] = {}
    classes: dict[str, str] = {}
    for it in values:
        path = name(it.name, it.data_class, open=open)
        found[path] = value(it.name, it.value, it.data_class, open=open)
        classes[path] = it.data_class
    return found, classes


def identifier(it: Identifier, *, open: bool) -> str:
    """An identifier's value: masked by its kind."""
    return it.value if open else mask(it.value, it.kind if it.kind in ("email", "phone") else "id")


def key(it: RecordView, *, open: bool) -> str:
    """The id under which a source knows a record."""
    return it.key if open else mask(it.key, it.key_kind if it.key_kind in ("email", "phone") else "id")


def record_traits(it: RecordView, *, open: bool) -> dict[str, Any]:
    """What one record says."""
    return {
        name(path, data_class, open=open): value(path, content, data_class, open=open)
        for path, (content, data_class, _) in it.traits.items()
    }


def event_name(it: TimelineEvent, label: str | None, *, open: bool) -> str | None:
    """A declared name; an undeclared one only if open."""
    if label or it.name is None:
        return label
    sent = it.sealed.get("event") or it.sealed.get("name")
    return str(sent) if open and sent else HIDDEN


def event_body(it: TimelineEvent, classes: Mapping[str, Mapping[str, str]], *, open: bool) -> dict[str, Any]:
    """What an event says: `properties` (or traits) and `context`. `classes`: of the scopes trait, group, property, context."""
    facts = {path: content for path, content in it.facts.items() if path != "$context"}
    rest: Mapping[str, Any] = next((it.sealed[body] for body in _BODIES if isinstance(it.sealed.get(body), dict)), {})
    scope = {"identify": "trait", "group": "group"}.get(it.type, "property")
    found: dict[str, Any] = {"properties": _joined(facts, mask_traits(rest, classes[scope], open))}
    context = it.sealed.get("context") if isinstance(it.sealed.get("context"), dict) else {}
    found["context"] = _joined(it.facts.get("$context", {}), mask_traits(context or {}, classes["context"], open))
    if open:
        found["wire"] = {field: said for field, said in it.sealed.items() if field not in _SEEN_ELSEWHERE}
    return found


def _joined(facts: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    """Both parts of an object; where both hold a list or a value, masked parts give way to the facts."""
    found = dict(rest)
    for path, fact in facts.items():
        other = found.get(path)
        if isinstance(fact, dict) and isinstance(other, dict):
            found[path] = _joined(fact, other)
        elif isinstance(fact, list) and isinstance(other, list) and len(fact) == len(other):
            found[path] = [
                _joined(a, b) if isinstance(a, dict) and isinstance(b, dict) else (b if a is None else a)
                for a, b in zip(fact, other, strict=True)
            ]
        else:
            found[path] = fact
    return found
