"""Law: the live evaluation says what a naive reading of the rule says, and `flips_at` is never late. Without a database."""

import os
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from segments.evaluate import Subject, judge
from segments.history import Column, lookup
from segments.load import needs
from segments.nodes import FOREVER, Node, leaves, micros, moment
from segments.rules import Vocabulary, parse
from tests.segments import oracle
from tests.segments.oracle import Someone
from tests.segments.strategies import PURPOSES, TYPES, people, rules
from tests.segments.world import NOW

CASES = int(os.environ.get("CASES", "200"))


def digest(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


WORDS = Vocabulary(
    lambda scope, name: (TYPES[name], "fact") if name in TYPES else None, digest, {"other"}, set(PURPOSES)
)


def subject(who: Someone, node: Node, others: dict[str, Node], consents: dict[str, Any]) -> Subject:
    """The columns as the loader makes them."""
    conditions = [leaf for tree in (node, *others.values()) for leaf in leaves(tree)]
    history = {}
    for name, need in needs(conditions, micros(NOW)).items():
        events = sorted((it for it in who.events if it.name == name), key=lambda it: it.at)
        values = {path.name: [lookup(it.facts, path.steps) for it in events] for path in need.paths.values()}
        if events:
            history[name] = Column([micros(it.at) for it in events], values)
    return Subject(who.facts, history, consents)


def moments_that_matter(who: Someone, until: int) -> set[int]:
    """Every moment, and those around it, at which anything of this person could turn."""
    base = {micros(it.at) for it in who.events}
    for facts in (who.facts, *(it.facts for it in who.events)):
        for value in facts.values():
            if isinstance(value, str) and value[:2] == "20":
                base.add(micros(oracle.moment(value)))
    lengths = [timedelta(0)] + [timedelta(days=days) for days in (0.5, 1, 2, 7, 30)]
    found = {it + micros(NOW + length) - micros(NOW) + d for it in base for length in lengths for d in (-1, 0, 1)}
    return {it for it in found if micros(NOW) < it < min(until, micros(NOW + timedelta(days=90)))}


@settings(max_examples=CASES * 3, deadline=None)
@given(rules(("other",), PURPOSES), rules((), PURPOSES), people(), st.lists(st.booleans(), min_size=2, max_size=2))
def test_truth_and_flips(rule: dict[str, Any], other: dict[str, Any], who: Someone, allowed: list[bool]) -> None:
    who.consents = dict(zip(PURPOSES, allowed, strict=True))
    others = {"other": parse(other, WORDS)}
    node = parse(rule, WORDS)
    it = subject(who, node, others, {purpose: (answer, FOREVER) for purpose, answer in who.consents.items()})
    decide = judge(node, others)
    truth, flips = decide(it, micros(NOW))
    assert truth is oracle.true(rule, who, NOW, {"other": other}, TYPES)
    assert flips > micros(NOW)
    for at in moments_that_matter(who, flips):
        assert oracle.true(rule, who, moment(at), {"other": other}, TYPES) is truth, moment(at)


@settings(max_examples=CASES, deadline=None)
@given(rules(), people())
def test_walking_from_flip_to_flip_misses_nothing(rule: dict[str, Any], who: Someone) -> None:
    node = parse(rule, WORDS)
    it, decide = subject(who, node, {}, {}), judge(node, {})
    at = micros(NOW)
    for _ in range(200):
        truth, flips = decide(it, at)
        assert truth is oracle.true(rule, who, moment(at), {}, TYPES)
        if flips == FOREVER:
            return
        at = flips
    raise AssertionError("it never comes to rest")
