"""What the records of profiles say, and what joins them, as `suspects` judges it."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection

from cdp.arrays import uuids
from identity import contradictions, records
from identity.contradictions import Several, Witness
from identity.records import Rec
from identity.rules import STRONG
from identity.suspects import Pair, Tie
from identity.traits import whole

_TIES = """
SELECT left_id, right_id, rule, weight, '' FROM identity_link WHERE left_id = ANY(%s::uuid[])
UNION ALL
SELECT left_id, right_id, NULL, 0, actor FROM identity_constraint WHERE left_id = ANY(%s::uuid[]) AND verdict = 'must_link'
"""
# How many profiles a source knows by keys of its own, and how many of these by several.
_SEVERAL = """
SELECT source_id, key_kind, count(*), count(*) FILTER (WHERE n > 1) FROM (
    SELECT profile_id, source_id, key_kind, count(*) AS n FROM identity_record
    WHERE key_kind = ANY(%s) AND profile_id IS NOT NULL GROUP BY 1, 2, 3) k
GROUP BY 1, 2
"""


def witnesses(scene: Mapping[UUID, Rec]) -> dict[UUID, Witness]:
    """What these records say. One query."""
    dead = records.load_evidence(scene.values())
    found = {}
    for id, rec in scene.items():
        values: dict[int, set[UUID]] = defaultdict(set)
        for digest, (kind, _) in rec.evidence.items():
            if digest not in dead:
                values[kind].add(digest)
        said = {name: whole(rec.facts, rec.sealed, name) for name in contradictions.READ & {*rec.facts, *rec.sealed}}
        own = {kind: frozenset(digests) for kind, digests in values.items()}
        found[id] = Witness(rec.holder(), own, contradictions.place(said), contradictions.national(said))
    return found


def ties(ids: Collection[UUID]) -> dict[UUID, dict[Pair, Tie]]:
    """Left record -> pairs that something joins -> what that is."""
    found: dict[UUID, dict[Pair, Tie]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_TIES, [uuids(ids), uuids(ids)])
        for left, right, rule, bits, actor in cursor.fetchall():
            tie = found[left].get((left, right), Tie(0.0))
            rules = (*tie.rules, rule) if rule else tie.rules
            found[left][left, right] = Tie(tie.bits + bits, rules, tie.by or actor)
    return found


def count_several() -> dict[str, list[int]]:
    """Source and kind, as "source:kind" -> how many profiles have such keys, and several of them. Reads all records."""
    with connection.cursor() as cursor:
        cursor.execute(_SEVERAL, [list(STRONG)])
        return {f"{source}:{kind}": [have, many] for source, kind, have, many in cursor.fetchall()}


def rates(counted: dict[str, list[int]]) -> Several:
    """How often one person has several keys, as if of ten more people one had."""
    found = {}
    for name, (have, many) in counted.items():
        source, _, kind = name.partition(":")
        found[UUID(source), int(kind)] = (many + 1) / (have + 10)
    return found
