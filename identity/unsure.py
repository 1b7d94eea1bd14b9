"""Merges that nothing contradicts and that still may be wrong: by likeness alone, by name and place first; by hand, the latest
first. Of namesakes no record says anything wrong, so they are found here or nowhere."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import together
from identity.suspects import Pair, spanning

_TRIES = 10  # candidates for each that is shown: some hold nothing together, and whole profiles are joined pair by pair
# A pair that shares an identifier, or about which a person decided, is not joined by likeness alone.
_ALONE = """
JOIN identity_record b ON b.id = l.right_id AND b.profile_id = a.profile_id
WHERE l.rule = 'similar'
AND NOT EXISTS (SELECT FROM identity_link o WHERE o.left_id = l.left_id AND o.right_id = l.right_id AND o.rule <> 'similar')
AND NOT EXISTS (SELECT FROM identity_constraint c WHERE c.left_id = l.left_id AND c.right_id = l.right_id)
"""
# Two statements, so that each reads what it shows: of suspects there are few, and links have an index by probability.
_NAME_ALONE = f"""
SELECT a.profile_id, l.left_id, l.right_id, l.probability, s.beside FROM (
    SELECT profile_id, (reasons->>'likeness')::int AS beside FROM identity_suspect
    WHERE cleared_by = '' AND jsonb_exists(reasons, 'likeness') ORDER BY 2 LIMIT %s) s
JOIN identity_record a ON a.profile_id = s.profile_id JOIN identity_link l ON l.left_id = a.id {_ALONE}
ORDER BY s.beside, l.probability
"""
_LIKE = f"""
SELECT a.profile_id, l.left_id, l.right_id, l.probability, NULL FROM identity_link l
JOIN identity_record a ON a.id = l.left_id {_ALONE} ORDER BY l.probability LIMIT %s
"""
_INSIDE = """
SELECT a.profile_id, l.left_id, l.right_id, max(coalesce(l.probability, 1)) FROM identity_record a
JOIN identity_link l ON l.left_id = a.id JOIN identity_record b ON b.id = l.right_id AND b.profile_id = a.profile_id
WHERE a.profile_id = ANY(%s::uuid[]) GROUP BY 1, 2, 3
UNION ALL
SELECT a.profile_id, c.left_id, c.right_id, 1 FROM identity_record a
JOIN identity_constraint c ON c.left_id = a.id AND c.verdict = 'must_link' WHERE a.profile_id = ANY(%s::uuid[])
"""
_BY_HAND = """
SELECT a.profile_id, c.left_id, c.right_id, c.actor, c.at, l.probability FROM identity_constraint c
JOIN identity_record a ON a.id = c.left_id JOIN identity_record b ON b.id = c.right_id AND b.profile_id = a.profile_id
LEFT JOIN identity_link l ON l.left_id = c.left_id AND l.right_id = c.right_id AND l.rule = 'similar'
WHERE c.verdict = 'must_link' ORDER BY c.at DESC, c.id DESC LIMIT %s
"""


class Unsure(NamedTuple):
    """Two records of one profile, and how likely likeness finds them one person (None: not enough to be a link). `actor`, `at`:
    who joined them by hand. `beside`: bits for one person beside name and place, where these are 0 or less."""

    profile_id: UUID
    left_id: UUID
    right_id: UUID
    probability: float | None
    actor: str = ""
    at: datetime | None = None
    beside: int | None = None


def by_likeness(limit: int) -> list[Unsure]:
    """Profiles that likeness alone holds together somewhere, each once: first those of whom nothing but name and place agrees
    (as the last look found), by how much speaks against them; then the least sure."""
    rows = [row for found in together((_NAME_ALONE, [limit]), (_LIKE, [limit * _TRIES])) for row in found]
    needed = _needed([row[0] for row in rows])
    found: dict[UUID, Unsure] = {}
    for profile, left, right, probability, beside in rows:
        if (left, right) in needed:
            found.setdefault(profile, Unsure(profile, left, right, probability, beside=beside))
    return list(found.values())[:limit]


def _needed(profiles: Sequence[UUID]) -> set[Pair]:
    """Without which pairs these profiles would fall apart, if only surer ones were left."""
    ids = uuids(profiles)
    edges: dict[UUID, dict[Pair, float]] = defaultdict(dict)
    for profile, left, right, probability in together((_INSIDE, [ids, ids]))[0]:
        edges[profile][left, right] = max(probability, edges[profile].get((left, right), 0.0))
    return {pair for own in edges.values() for pair, _ in spanning(own)}


def by_hand(limit: int) -> list[Unsure]:
    """Profiles that people joined, each once, the latest first: with the pair that is most alike of those that hold it."""
    (rows,) = together((_BY_HAND, [limit * _TRIES]))
    found: dict[UUID, Unsure] = {}
    for profile, left, right, actor, at, probability in rows:
        known = found.get(profile)
        if known is None:
            found[profile] = Unsure(profile, left, right, probability, actor, at)
        elif (probability or 0.0) > (known.probability or 0.0):
            found[profile] = known._replace(left_id=left, right_id=right, probability=probability)
    return list(found.values())[:limit]
