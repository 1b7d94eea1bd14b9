"""Law: the set-based executor, the live one and a naive reading agree on who is a member, and the two on when that may flip."""

import os
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.catalogue import snapshot
from segments.evaluate import judge
from segments.load import consents, histories
from segments.nodes import Node, leaves, micros
from segments.program import vocabulary
from segments.refresh import until
from segments.rules import parse
from segments.sql import Scope, compile_rule
from tests.segments import oracle, world
from tests.segments.oracle import Someone
from tests.segments.strategies import PURPOSES, TYPES, people, rules
from tests.segments.world import NOW

pytestmark = pytest.mark.django_db
CASES = int(os.environ.get("CASES", "200"))
PEOPLE = st.lists(people(), min_size=1, max_size=4)


class Undo(Exception):
    """Ends one case's savepoint."""


@pytest.fixture
def declared(db: None) -> None:
    for name, kind in TYPES.items():
        scope = "property" if name in {"revenue", "coupon", "gift", "delivered"} or "[]" in name else "trait"
        world.declare(scope, name, kind)


def by_sql(node: Node, others: dict[str, Node], scope: Scope | None) -> dict[UUID, tuple[bool, datetime | None]]:
    sql, params = compile_rule(node, NOW, others=others, scope=scope)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return {profile_id: (member, flips) for profile_id, member, flips in cursor.fetchall()}


def live(node: Node, others: dict[str, Node], ids: list[UUID]) -> dict[UUID, tuple[bool, datetime | None]]:
    from segments.evaluate import Subject
    from segments.refresh import lock

    conditions = [leaf for tree in (node, *others.values()) for leaf in leaves(tree)]
    past, allowed = histories(ids, conditions, micros(NOW)), consents(ids, conditions, NOW)
    decide = judge(node, others)
    found = {}
    import orjson

    for it, facts in lock(ids).items():
        truth, flips = decide(Subject(orjson.loads(facts), past.get(it, {}), allowed.get(it, {})), micros(NOW))
        found[it] = truth, until(flips)
    return {it: answer for it, answer in found.items() if answer != (False, None)}


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=rules(("other",), PURPOSES), other=rules((), PURPOSES), cast=PEOPLE)
def test_executors_agree(declared: None, rule: dict[str, Any], other: dict[str, Any], cast: list[Someone]) -> None:
    snapshot.current()
    words = vocabulary({"other"})
    others = {"other": parse(other, words)}
    node = parse(rule, words)
    try:
        with transaction.atomic():
            who: dict[UUID, Someone] = {}
            for someone in cast:
                profile_id = world.person(someone.facts)
                who[profile_id] = someone
                for it in someone.events:
                    world.event(profile_id, it.name, it.at, it.facts)
            whole = by_sql(node, others, None)
            assert whole == by_sql(node, others, Scope.of(list(who)))
            assert whole == live(node, others, list(who))
            for profile_id, someone in who.items():
                truth = oracle.true(rule, someone, NOW, {"other": other}, TYPES)
                assert whole.get(profile_id, (False, None))[0] is truth
            raise Undo
    except Undo:
        pass
