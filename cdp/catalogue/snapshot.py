"""The declarations as the hot paths use them: immutable, compiled, remembered until a declaration changes something."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from cdp.catalogue import digests
from cdp.catalogue.builtin import EVENTS, FIELDS
from cdp.catalogue.models import Field, Version
from cdp.catalogue.split import ACCEPTS, Accepts, Split, Tree, narrowed, plant
from cdp.catalogue.split import merge as merge_parts
from cdp.catalogue.split import split as split_by

_SECONDS = 1.0
_MOST_DIGESTS = 20_000
SCOPES = ("trait", "group", "property", "context")


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One declaration: what a name of a scope means."""

    scope: str
    name: str
    type: str
    data_class: str
    identifier: str = ""
    purposes: tuple[str, ...] = ()
    builtin: bool = False


class Catalogue:
    """An immutable snapshot of all declarations, the built-in ones included (a person's declaration stands over them)."""

    def __init__(self, fields: Iterable[Field], number: int) -> None:
        self.number = number
        self._infos: dict[tuple[str, str], FieldInfo] = {}
        checks: dict[tuple[str, str], Accepts] = {}
        for it in FIELDS:
            info = FieldInfo(it.scope, it.name, it.type, it.data_class, it.identifier, builtin=True)
            self._infos[it.scope, it.name] = info
            if it.check:
                checks[it.scope, it.name] = narrowed(it.check)
        names = list(EVENTS)
        for row in fields:
            if row.scope == "event":
                names.append(row.name)
            else:
                self._infos[row.scope, row.name] = FieldInfo(
                    row.scope, row.name, row.type, row.data_class, row.identifier, tuple(row.purposes)
                )
                checks.pop((row.scope, row.name), None)
        self._trees: dict[str, Tree] = {scope: {} for scope in SCOPES}
        for key, info in self._infos.items():
            accepts = checks.get(key) or ACCEPTS[info.type] if info.data_class == "fact" else None
            plant(self._trees[info.scope], info.name, accepts)
        self._classes: dict[str, dict[str, str]] = {}
        for info in self._infos.values():
            self._classes.setdefault(info.scope, {})[info.name] = info.data_class
        self._events = dict.fromkeys(names)
        self._labels = dict(zip(digests.of_many("event", list(self._events)), self._events, strict=True))
        self._digests: dict[tuple[str, str], UUID] = {("event", name): digest for digest, name in self._labels.items()}
        self.identifiers: Mapping[str, str] = MappingProxyType(
            {info.name: info.identifier for info in self._infos.values() if info.scope == "trait" and info.identifier}
        )

    def split(self, scope: str, values: Mapping[str, Any]) -> Split:
        """Splits the values of one object of the wire (`trait`, `group`, `property` or `context`) into facts and the rest."""
        return split_by(scope, self._trees[scope], values)

    def merge(self, facts: Mapping[str, Any], sealed: Mapping[str, Any]) -> dict[str, Any]:
        """The inverse of `split`."""
        return merge_parts(facts, sealed)

    def digest(self, scope: str, path: str) -> UUID:
        """The keyed digest of a path, remembered for paths that come often."""
        known = self._digests.get((scope, path))
        if known is None:
            known = digests.of(scope, path)
            if len(self._digests) < _MOST_DIGESTS:
                self._digests[scope, path] = known
        return known

    def event_name(self, name: str) -> UUID:
        """The digest under which events of this name are stored, declared or not."""
        return self.digest("event", name)

    def event_label(self, digest: UUID) -> str | None:
        """The name of a declared event."""
        return self._labels.get(digest)

    def event_names(self) -> tuple[str, ...]:
        """The declared event names, sorted."""
        return tuple(sorted(self._events))

    def declared(self, scope: str, name: str) -> FieldInfo | None:
        """What is declared of a path, or of an event's name; None when nothing is."""
        if scope == "event":
            return FieldInfo("event", name, "name", "fact") if name in self._events else None
        return self._infos.get((scope, name))

    def fields(self, scope: str | None = None) -> list[FieldInfo]:
        """All declarations of a scope (or of all but events), sorted by name."""
        found = (info for info in self._infos.values() if scope in (None, info.scope))
        return sorted(found, key=lambda info: (info.scope, info.name))

    def classes(self, scope: str) -> Mapping[str, str]:
        """Path -> class of data, of one scope. What is absent is undeclared."""
        return self._classes.get(scope, {})


_lock = threading.Lock()
_current: Catalogue | None = None
_checked = 0.0


def current() -> Catalogue:
    """The snapshot of now: at most a second behind the last declaration that was committed elsewhere."""
    global _current, _checked
    known, now = _current, time.monotonic()
    if known is not None and now - _checked < _SECONDS:
        return known
    with _lock:
        number = Version.objects.values_list("number", flat=True).get(pk=1)
        if _current is None or _current.number != number:
            # Read the number first: a declaration in between is then seen again, never missed.
            _current = Catalogue(Field.objects.exclude(data_class="undeclared").order_by("id"), number)
        _checked = now
        return _current


def forget() -> None:
    """Drops the remembered snapshot."""
    global _current
    _current = None
