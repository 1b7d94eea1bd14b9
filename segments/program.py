"""The enabled segments as the executors use them: parsed, compiled, in the order in which they refer to each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.conf import settings
from django.db import connection

from cdp.catalogue import snapshot
from segments import nodes
from segments.evaluate import Judge, judge
from segments.nodes import Node, leaves
from segments.rules import InvalidRule, Vocabulary, parse
from segments.sentence import sentence

log = structlog.get_logger(__name__)
# The key of the advisory lock on definitions: "segments" in ASCII. Who evaluates and writes holds it shared, so that a
# changed rule is committed only when nobody writes by the old one any more; who changes a rule holds it exclusively.
LOCK = 0x7365676D656E7473


class _Whatever(frozenset[str]):
    """Holds every text: a stored rule was checked when it was saved, and consent is fail-closed anyway."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclass(frozen=True)
class Definition:
    """One segment, ready to be evaluated. `mentions`: traits, events and purposes, those of segments it refers to included."""

    id: UUID
    key: str
    version: int
    purpose: str
    node: Node
    judge: Judge
    mentions: frozenset[object]
    leaves: tuple[nodes.Trait | nodes.Event | nodes.InSegment | nodes.Consent, ...]


@dataclass(frozen=True)
class Program:
    """All enabled segments. `nodes`: their trees by key; `labels`: digest -> name of the events that rules listen to."""

    definitions: tuple[Definition, ...]
    nodes: Mapping[str, Node]
    zone: ZoneInfo
    labels: Mapping[UUID, str]

    def listening(self, events: frozenset[UUID]) -> tuple[Definition, ...]:
        """Those whose answer events of these names (digests) can move."""
        moved = {("event", it) for it in events}
        return tuple(it for it in self.definitions if not moved.isdisjoint(it.mentions))

    def of(self, segment_id: UUID) -> Definition | None:
        """The segment of an id, if it is enabled."""
        return next((it for it in self.definitions if it.id == segment_id), None)

    def dependents(self, key: str) -> tuple[Definition, ...]:
        """Those that refer to a segment, directly or through others."""
        return tuple(it for it in self.definitions if it.key != key and ("segment", key) in it.mentions)


def zone() -> ZoneInfo:
    """The installation's time zone: in it lie dates without a time."""
    return ZoneInfo(settings.TIME_ZONE)


def vocabulary(segments: Iterable[str], purposes: frozenset[str] | None = None) -> Vocabulary:
    """What rules may speak of now. `purposes` None: of any."""
    catalogue = snapshot.current()

    def declared(scope: str, name: str) -> tuple[str, str] | None:
        info = catalogue.declared(scope, name)
        return (info.type, info.data_class) if info is not None and info.data_class != "undeclared" else None

    def event(name: str) -> UUID | None:
        return catalogue.event_name(name) if catalogue.declared("event", name) is not None else None

    def near(scope: str, name: str) -> list[str]:
        if scope == "event":
            usable = list(catalogue.event_names())
        else:
            usable = [it.name for it in catalogue.fields(scope) if it.data_class == "fact"]
        folded = {it.casefold(): it for it in usable}
        return [folded[it] for it in get_close_matches(name.casefold(), folded, n=2, cutoff=0.75)]

    known = purposes if purposes is not None else _Whatever()
    return Vocabulary(declared, event, frozenset(segments), known, zone(), near)


def words(rule: Any) -> str:
    """A stored rule as a sentence, or what is wrong with it if it can no longer be used."""
    try:
        node = parse(rule, replace(vocabulary(()), segments=_Whatever()))
    except InvalidRule as error:
        return f"cannot be used: {error}"
    return sentence(node, zone())


_remembered: tuple[object, Program] | None = None


def current() -> Program:
    """The program of now; reading it takes one small query. Call it after `share()` where memberships are written."""
    global _remembered
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, version FROM segments_segment WHERE enabled ORDER BY id")
        key: object = (tuple(cursor.fetchall()), snapshot.current().number)
        if _remembered is not None and _remembered[0] == key:
            return _remembered[1]
        cursor.execute("SELECT id, key, version, purpose, rule FROM segments_segment WHERE enabled ORDER BY id")
        rows = cursor.fetchall()
    made = build(rows)
    _remembered = key, made
    return made


def build(rows: Iterable[tuple[UUID, str, int, str, Any]]) -> Program:
    """A program of rows (id, key, version, purpose, rule as JSON text or object). Raises CycleError for a circle."""
    found = [(*row[:4], orjson.loads(row[4]) if isinstance(row[4], str) else row[4]) for row in rows]
    words = vocabulary(row[1] for row in found)
    trees = {row[1]: _parsed(row[1], row[4], words) for row in found}
    order = list(TopologicalSorter({key: references(node) for key, node in trees.items()}).static_order())
    mentions: dict[str, frozenset[object]] = {}
    for key in order:
        mentions[key] = _mentions(trees[key], mentions)
    by_key = {row[1]: row for row in found}
    definitions = []
    for key in order:
        segment_id, _, version, purpose, _ = by_key[key]
        node = trees[key]
        everything = tuple(leaves(node)) + tuple(
            leaf for other in order if ("segment", other) in mentions[key] for leaf in leaves(trees[other])
        )
        definitions.append(
            Definition(segment_id, key, version, purpose, node, judge(node, trees, zone()), mentions[key], everything)
        )
    labels = {leaf.name: leaf.label for it in definitions for leaf in it.leaves if isinstance(leaf, nodes.Event)}
    return Program(tuple(definitions), trees, zone(), labels)


def _parsed(key: str, rule: Any, words: Vocabulary) -> Node:
    try:
        return parse(rule, words)
    except InvalidRule as error:
        # A field that is no longer a declared fact must not go on deciding: nobody is a member until the rule is mended.
        log.warning("segments.rule_unusable", segment=key, n=len(error.faults))
        return nodes.Any(())


def references(node: Node) -> set[str]:
    """The keys of the segments that a tree itself refers to."""
    return {leaf.key for leaf in leaves(node) if isinstance(leaf, nodes.InSegment)}


def _mentions(node: Node, known: Mapping[str, frozenset[object]]) -> frozenset[object]:
    found: set[object] = set()
    for leaf in leaves(node):
        match leaf:
            case nodes.Trait():
                found.add(("trait", leaf.path.name))
            case nodes.Event():
                found.add(("event", leaf.name))
            case nodes.Consent():
                found.add(("consent", leaf.purpose))
            case nodes.InSegment():
                found |= {("segment", leaf.key), *known[leaf.key]}
    return frozenset(found)


def share() -> None:
    """Keeps rules from changing until the end of the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])


def seize() -> None:
    """Waits until nobody writes memberships by the present rules, and keeps others from starting, in the caller's
    transaction. No profile may be locked after this: that would be a deadlock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
