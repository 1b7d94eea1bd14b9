"""What became of profile ids: redirects that answer for ever, and the history of merges and splits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from cdp.arrays import uuids
from cdp.database.together import execute, together
from cdp.ids import uuid7
from identity.assign import Assigned
from identity.profilerows import Written

REDIRECTS = "SELECT old_id, new_id, founder FROM identity_redirect WHERE new_id = ANY(%s::uuid[])"
_ANSWERS = """
SELECT id FROM identity_profile WHERE id = %s UNION ALL SELECT new_id FROM identity_redirect WHERE old_id = %s LIMIT 1
"""
_INSERT = """
INSERT INTO identity_merge (id, kind, profile_id, others, records, because, actor, at)
SELECT n.id, n.kind, n.profile_id, n.others::uuid[], n.records::uuid[], n.because, %s, %s
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[])
     AS n(id, kind, profile_id, others, records, because)
"""
_REDIRECT = """
INSERT INTO identity_redirect (old_id, new_id, founder) SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[])
ON CONFLICT (old_id) DO UPDATE SET new_id = excluded.new_id, founder = coalesce(excluded.founder, identity_redirect.founder)
"""


class Redirect(NamedTuple):
    """An id that was merged away (a row of REDIRECTS), and the record with which it began, if that is known."""

    old_id: UUID
    new_id: UUID
    founder: UUID | None


def write(
    parts: Sequence[Sequence[UUID]],
    assigned: Assigned,
    before: Mapping[UUID, UUID],
    rows: Written,
    redirects: Iterable[Redirect],
    reasons: Mapping[tuple[UUID, UUID], list[str]],
    *,
    at: datetime,
    actor: str,
) -> list[UUID]:
    """Redirects and history of one regrouping; the ids of the history rows, in order. `redirects`: those to the profiles of
    `before`."""
    if not (assigned.merged or assigned.split or assigned.revived):
        return []
    _redirect(parts, assigned, redirects, rows)
    acts = []
    for id, part in zip(assigned.ids, parts, strict=True):
        others = sorted(old for old, new in assigned.merged.items() if new == id)
        if others:
            moved = sorted(record for record in part if before.get(record) in others)
            acts.append(("merged", id, others, moved, _because(part, before, reasons)))
    for profile, pieces in sorted(assigned.split.items()):
        moved = sorted(record for records in pieces.values() for record in records)
        acts.append(("split", profile, sorted(pieces), moved, {}))
    return _insert(acts, at=at, actor=actor)


def _redirect(
    parts: Sequence[Sequence[UUID]], assigned: Assigned, redirects: Iterable[Redirect], rows: Written
) -> None:
    """New redirects, and old ones to where their founding record is now, so that one step always leads to a live profile."""
    home = {record: id for id, part in zip(assigned.ids, parts, strict=True) for record in part}
    if assigned.revived:
        execute("DELETE FROM identity_redirect WHERE old_id = ANY(%s::uuid[])", [uuids(assigned.revived)])
    moves = {}
    for old, new, founder in redirects:
        target = (founder and home.get(founder)) or assigned.merged.get(new, new)
        if target != new and old not in assigned.revived:
            moves[old] = (target, founder)
    for old, new in assigned.merged.items():
        founder = rows.founders.get(old)
        # A profile can be split and merged away at once: its id answers for its founding record.
        moves[old] = (home.get(founder) or new if founder else new, founder)
    if moves:
        targets = [target for target, _ in moves.values()]
        execute(_REDIRECT, [list(moves), targets, [founder for _, founder in moves.values()]])


def _because(
    part: Sequence[UUID], before: Mapping[UUID, UUID], reasons: Mapping[tuple[UUID, UUID], list[str]]
) -> dict[str, object]:
    """How many links of each rule cross between what were different profiles."""
    inside = set(part)
    counts = Counter(
        rule
        for (left, right), found in reasons.items()
        if left in inside and right in inside and before.get(left) != before.get(right)
        for rule in found
    )
    return {"links": dict(sorted(counts.items()))}


def _insert(
    acts: list[tuple[str, UUID, list[UUID], list[UUID], dict[str, object]]], *, at: datetime, actor: str
) -> list[UUID]:
    ids = [uuid7() for _ in acts]
    if acts:
        kinds, profiles, others, moved, because = zip(*acts, strict=True)
        # Lists of lists of different lengths are no array of PostgreSQL: the inner ones go as their text.
        inner = [[uuids(it) for it in column] for column in (others, moved)]
        told = [msgspec.json.encode(it).decode() for it in because]
        execute(_INSERT, [actor, at, ids, list(kinds), list(profiles), *inner, told])
    return ids


def resolve_id(profile_id: UUID) -> UUID | None:
    """The live profile that answers for an id: itself, or the one it was merged into; None for an id that never was, or
    whose records are all erased. One query: redirects are kept flat."""
    (found,) = together((_ANSWERS, [profile_id, profile_id]))
    return found[0][0] if found else None
