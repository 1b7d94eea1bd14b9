"""What a rule would give, before it is saved: exact on a small base, else from a sample, with its error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from consent.permits import permitted_sql
from segments import program
from segments.define import check, population
from segments.nodes import All, Node
from segments.nodes import Any as AnyOf
from segments.sentence import sentence
from segments.sql import Scope, compile_rule

EXACT_UP_TO = 100_000
_SAMPLE = 20_000
_SHOWN = 10


@dataclass(frozen=True)
class Estimate:
    """A number of people; `error`: half the width of the 95 % interval (0: exact)."""

    count: int
    error: int


@dataclass(frozen=True)
class Part:
    """One condition of the rule by itself."""

    condition: str
    size: Estimate


@dataclass(frozen=True)
class Preview:
    """`size`: who would be in it; `listed` and `withheld`: with and without permission for the purpose; `parts`: each
    condition of the first level alone; `sample`: ids of some who would be listed."""

    condition: str
    population: int
    size: Estimate
    listed: Estimate
    withheld: Estimate
    parts: tuple[Part, ...]
    sample: tuple[UUID, ...]


def preview(rule: Mapping[str, Any], at: datetime, *, purpose: str = "operate") -> Preview:
    """Evaluates a rule that need not be saved. Raises InvalidRule."""
    node = check(rule, purpose=purpose)
    current = program.current()
    everyone = population()
    sampled, scope = everyone, None
    if everyone > EXACT_UP_TO:
        ids = _sample(everyone)
        sampled, scope = len(ids), Scope.of(ids)

    def scaled(count: int) -> Estimate:
        return _estimate(count, sampled, everyone)

    listed, withheld, sample = _count(node, at, purpose, scope, current)
    children = node.parts if isinstance(node, All | AnyOf) and len(node.parts) > 1 else ()
    parts = []
    for child in children:
        some, rest, _ = _count(child, at, purpose, scope, current)
        parts.append(Part(sentence(child, current.zone), scaled(some + rest)))
    return Preview(
        sentence(node, current.zone),
        everyone,
        scaled(listed + withheld),
        scaled(listed),
        scaled(withheld),
        tuple(parts),
        sample,
    )


def _sample(everyone: int) -> list[UUID]:
    """A random sample of profiles, by whole pages of the table: random ids are spread over pages evenly enough."""
    percent = min(100.0, 100.0 * _SAMPLE / everyone)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM identity_profile TABLESAMPLE SYSTEM (%s)", [percent])
        return [row[0] for row in cursor.fetchall()]


def _estimate(count: int, sampled: int, everyone: int) -> Estimate:
    """Normal approximation of a proportion, with one success and one failure added so that 0 of n has an error too."""
    if sampled >= everyone or not sampled:
        return Estimate(count, 0)
    share = (count + 1) / (sampled + 2)
    return Estimate(
        round(everyone * count / sampled), math.ceil(1.96 * everyone * math.sqrt(share * (1 - share) / sampled))
    )


def _count(
    node: Node, at: datetime, purpose: str, scope: Scope | None, current: program.Program
) -> tuple[int, int, tuple[UUID, ...]]:
    sql, params = compile_rule(node, at, others=current.nodes, zone=str(current.zone), scope=scope)
    permitted, more = permitted_sql(purpose, at, column="c.profile_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH c AS (SELECT profile_id FROM ({sql}) AS all_of WHERE member),"
            f" asked AS (SELECT c.profile_id, {permitted} AS allowed FROM c)"
            " SELECT (SELECT count(*) FROM asked WHERE allowed), (SELECT count(*) FROM asked WHERE NOT allowed),"
            " ARRAY(SELECT profile_id FROM asked WHERE allowed LIMIT %s)",
            [*params, *more, _SHOWN],
        )
        listed, withheld, sample = cursor.fetchone()
    return listed, withheld, tuple(sample)
