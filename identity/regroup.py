"""Clusters, profile ids and golden records of the records that something touched. Under the identity lock."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cdp import outbox
from cdp.arrays import uuids
from cdp.database.together import Rows, Statement, execute, together
from cdp.ids import uuid7
from consent import parties
from identity import history, profilerows, records, rules
from identity.assign import Assigned, assign
from identity.clusters import Clusters, Edge, cluster
from identity.components import components
from identity.history import Redirect
from identity.linking import active
from identity.profilerows import Stored
from identity.records import Rec

if TYPE_CHECKING:
    from identity.matching.prepare import Prepared

Pair = tuple[UUID, UUID]

_REACH = """
WITH RECURSIVE reach(id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT n.id FROM reach, LATERAL (
        SELECT right_id AS id FROM identity_link WHERE left_id = reach.id
        UNION ALL SELECT left_id FROM identity_link WHERE right_id = reach.id
        UNION ALL SELECT right_id FROM identity_constraint WHERE left_id = reach.id AND verdict = 'must_link'
        UNION ALL SELECT left_id FROM identity_constraint WHERE right_id = reach.id AND verdict = 'must_link') n)
SELECT id FROM reach
"""
_LINKS = "SELECT left_id, right_id, kind, weight, probability FROM identity_link WHERE left_id = ANY(%s::uuid[])"
_CONSTRAINTS = "SELECT left_id, right_id, verdict FROM identity_constraint WHERE left_id = ANY(%s::uuid[])"
_MOVE = """
UPDATE identity_record r SET profile_id = n.profile_id FROM unnest(%s::uuid[], %s::uuid[]) AS n(id, profile_id) WHERE r.id = n.id
"""


@dataclass(slots=True)
class Regrouped:
    """What came of it. `refused`: why -> how many edges; `changed`: profiles that are new, moved, or have a new golden record."""

    changed: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)
    made: int = 0
    moved: int = 0
    merged: int = 0
    split: int = 0
    asked: int = 0  # questions to stewards that are new or gone
    refused: Counter[str] = field(default_factory=Counter)
    merges: list[UUID] = field(default_factory=list)


@dataclass(slots=True)
class Partition:
    """Clusters of some components, and what led to them."""

    parts: list[list[UUID]] = field(default_factory=list)
    refused: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    reasons: dict[tuple[UUID, UUID], list[str]] = field(default_factory=dict)
    similar: dict[tuple[UUID, UUID], tuple[float, float]] = field(default_factory=dict)  # bits, probability


def reach(start: Collection[UUID]) -> set[UUID]:
    """All records connected with these by links or must-links, themselves included."""
    if not start:
        return set()
    return {row[0] for row in together((_REACH, [uuids(start)]))[0]}


@dataclass(slots=True)
class Reasons:
    """What speaks for and against pairs of records: kinds of shared values and their bits, likeness (bits, probability),
    decisions."""

    shared: dict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))
    weights: dict[Pair, float] = field(default_factory=lambda: defaultdict(float))
    similar: dict[Pair, tuple[float, float]] = field(default_factory=dict)
    must: set[Pair] = field(default_factory=set)
    cannot: set[Pair] = field(default_factory=set)

    @property
    def named(self) -> dict[Pair, list[str]]:
        """Why each pair is linked."""
        found = {pair: sorted(f"same_{rules.LABELS[kind]}" for kind in kinds) for pair, kinds in self.shared.items()}
        for reason, pairs in (("similar", self.similar), ("must_link", self.must)):
            for pair in pairs:
                found.setdefault(pair, []).append(reason)
        return found


def reasons_of(recs: Collection[UUID]) -> Reasons:
    """All links and decisions among records."""
    return _reasons(recs, *together(*_why(recs)))


def _why(recs: Collection[UUID]) -> tuple[Statement, Statement]:
    ids = uuids(recs)
    return (_LINKS, [ids]), (_CONSTRAINTS, [ids])


def _reasons(recs: Collection[UUID], links: Rows, constraints: Rows) -> Reasons:
    found = Reasons()
    for left, right, kind, weight, probability in links:
        if probability is not None:
            found.similar[left, right] = (weight, probability)
            continue
        found.shared[left, right].add(kind)
        found.weights[left, right] += weight
    for left, right, verdict in constraints:
        if left in recs and right in recs:
            (found.must if verdict == "must_link" else found.cannot).add((left, right))
    return found


def partition(recs: dict[UUID, Rec]) -> Partition:
    """Clusters whole components. Three passes at most: links, constraints, judgement."""
    return clustered(recs, reasons_of(recs), partial(_alike, {}))


def clustered(recs: dict[UUID, Rec], reasons: Reasons, linkage: "Linkage") -> Partition:
    """Clusters records, of which all components must be whole. `linkage`: what says whether two clusters are alike, for these
    components; None where there is nothing to say."""
    must, weights, similar = reasons.must, reasons.weights, reasons.similar
    result = Partition(reasons=reasons.named, similar=similar)
    edges = [
        Edge(
            *pair,
            weights[pair] if pair in weights else similar.get(pair, (0.0, 0.0))[0],
            must=pair in must,
            age=max(recs[pair[0]].first_seen, recs[pair[1]].first_seen),
            similar=pair not in must and pair not in weights,
        )
        for pair in {*weights, *must, *similar}
    ]
    holders = {id: rec.holder() for id, rec in recs.items()}
    judge = rules.judge_with(reasons.shared, holders)
    connected = _connected(recs, edges)
    wide = [nodes for nodes, theirs in connected if len(nodes) > 2 and any(edge.similar for edge in theirs)]
    alike = linkage(wide, similar) if wide else None
    for nodes, theirs in connected:
        if len(nodes) == 1:
            result.parts.append(nodes)
            continue
        found: Clusters[UUID] = cluster(
            nodes, theirs, order=lambda id: recs[id].order, judge=judge, cannot=reasons.cannot, alike=alike
        )
        result.parts += found.parts
        result.refused += found.refused
    return result


Alike = Callable[[list[UUID], list[UUID]], bool]
Linkage = Callable[[list[list[UUID]], dict[Pair, tuple[float, float]]], Alike | None]


def _alike(
    prepared: Mapping[UUID, "Prepared | None"], wide: list[list[UUID]], similar: dict[Pair, tuple[float, float]]
) -> Alike | None:
    """Average linkage by the model in force, over what is stored of the records."""
    model = active.current()
    if model is None:
        return None
    from identity.linking import rows
    from identity.linking.linkage import Linkage

    ids = [id for nodes in wide for id in nodes]
    values = {id: it for id in ids if (it := prepared.get(id)) is not None}
    values |= rows.prepared([id for id in ids if id not in prepared])
    return Linkage(model.scorer, values, wide, similar).alike


def _connected(recs: Collection[UUID], edges: list[Edge[UUID]]) -> list[tuple[list[UUID], list[Edge[UUID]]]]:
    """Connected components: (records, edges)."""
    groups = components(recs, ((edge.left, edge.right) for edge in edges))
    home = {id: number for number, group in enumerate(groups) for id in group}
    inside: list[list[Edge[UUID]]] = [[] for _ in groups]
    for edge in edges:
        inside[home[edge.left]].append(edge)
    return list(zip(groups, inside, strict=True))


def regroup(
    known: dict[UUID, Rec],
    start: Collection[UUID],
    alone: Collection[UUID],
    *,
    regrouped: Collection[UUID],
    at: datetime,
    actor: str,
    prepared: Mapping[UUID, "Prepared | None"] | None = None,
) -> Regrouped:
    """Brings clusters, profiles and parties up to date around the records of `start`; `alone` are new records that nothing
    links. `known` are records in memory, and gets all others that are needed. `regrouped`: records whose identifiers changed.
    `prepared`: what is compared of records, where it is at hand."""
    result = Regrouped()
    scene, reasons = _scene(start, known)
    found = clustered(scene, reasons, partial(_alike, prepared or {}))
    result.refused.update(why for _, _, why in found.refused)
    parts = found.parts + [[id] for id in alone]
    scene |= {id: known[id] for id in alone}
    current = {id: rec.profile_id for id, rec in scene.items() if not rec.new and rec.profile_id is not None}
    tentative = {id: rec.profile_id for id, rec in scene.items() if rec.new and rec.profile_id is not None}
    stored, redirects = _standing(set(current.values()))
    assigned = assign(
        parts,
        current,
        founders={id: row.founder for id, row in stored.items() if row.founder},
        redirects={it.old_id: it.founder for it in redirects if it.founder},
        tentative=tentative,
        new_id=uuid7,
    )
    moved = _move(parts, assigned, scene)
    rows = profilerows.write(parts, assigned, scene, stored, at=at)
    result.changed, result.gone, result.made = rows.changed, rows.gone, rows.made
    result.merges = history.write(parts, assigned, current, rows, redirects, found.reasons, at=at, actor=actor)
    result.merged, result.split, result.moved = len(assigned.merged), len(assigned.split), len(moved)
    _tell(parts, assigned, scene, {*moved, *regrouped}, result, at=at)
    if active.current() is not None and scene:
        from identity.linking import doubts

        result.asked = doubts.ask(found, parts, scene)
    return result


def _scene(start: Collection[UUID], known: dict[UUID, Rec]) -> tuple[dict[UUID, Rec], Reasons]:
    """The whole components of some records, of which `known` gets those that it lacks, and what holds them together."""
    ids = reach(start)
    if not ids:
        return {}, Reasons()
    rows, links, constraints = together(records.with_ids(ids - known.keys()), *_why(ids))
    known |= {rec.id: rec for rec in records.opened_all(rows)}
    scene = {id: known[id] for id in ids if id in known}
    return scene, _reasons(scene, links, constraints)


def _standing(profiles: Collection[UUID]) -> tuple[dict[UUID, Stored], list[Redirect]]:
    """The rows of profiles, locked, and the redirects to them."""
    if not profiles:
        return {}, []
    ids = uuids(profiles)
    stored, redirects = together((profilerows.STORED, [ids]), (history.REDIRECTS, [ids]))
    return Stored.of(stored), [Redirect(*row) for row in redirects]


def _move(parts: list[list[UUID]], assigned: Assigned, scene: dict[UUID, Rec]) -> list[UUID]:
    """Sets records' profiles; those of known records that moved and of new ones whose row has another id."""
    moved = []
    for id, part in zip(assigned.ids, parts, strict=True):
        for record in part:
            if scene[record].profile_id != id:
                scene[record].profile_id = id
                moved.append(record)
    if moved:
        execute(_MOVE, [moved, [scene[record].profile_id for record in moved]])
    return moved


def _tell(
    parts: list[list[UUID]],
    assigned: Assigned,
    scene: dict[UUID, Rec],
    touched: set[UUID],
    result: Regrouped,
    *,
    at: datetime,
) -> None:
    """Tells consent who is one party now, and the rooms above which profiles changed."""
    stirred = [
        (id, part)
        for id, part in zip(assigned.ids, parts, strict=True)
        if not touched.isdisjoint(part) or any(scene[record].new for record in part) or id in assigned.split
    ]
    if stirred or result.gone:
        members = [scene[record] for _, part in stirred for record in part]
        dead = records.load_evidence(members)
        groups: dict[UUID, Any] = {
            id: {digest for record in part for digest in scene[record].evidence} - dead for id, part in stirred
        }
        parties.regroup(groups | dict.fromkeys(result.gone, ()), at=at, nobody=dead)
    outbox.changed(sorted(result.changed | result.gone | {id for id, _ in stirred}), reason="identity")
