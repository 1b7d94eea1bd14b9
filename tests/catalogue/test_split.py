"""What stands in clear and what is sealed; and that the two parts are the whole (a law)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.catalogue import paths
from cdp.catalogue.builtin import EVENTS, FIELDS
from cdp.catalogue.split import ACCEPTS, Tree, merge, narrowed, plant, split

TREE: Tree = {}
for _path, _type in {
    "plan": "text", "age": "number", "vip": "boolean", "since": "date", "at": "datetime", "tags": "list",
    "a.b": "number", "a.c": "text", "products[].price": "number", "products[].category": "text", "products[].x.y": "text",
}.items():  # fmt: skip
    plant(TREE, _path, ACCEPTS[_type])
plant(TREE, "email", None)
plant(TREE, "address", None)
plant(TREE, "address.country", narrowed(lambda text: len(text) == 2))


def test_facts_are_declared_and_of_their_type() -> None:
    it = split(
        "trait", TREE, {"plan": "gold", "age": 41, "vip": True, "since": "2026-01-31", "tags": ["a"], "a": {"b": 1.5}}
    )
    assert it.facts == {"plan": "gold", "age": 41, "vip": True, "since": "2026-01-31", "tags": ["a"], "a": {"b": 1.5}}
    assert it.sealed == {}
    assert it.seen == []


def test_a_day_is_a_moment_too() -> None:
    assert split("trait", TREE, {"at": "2026-01-31"}).facts == {"at": "2026-01-31"}
    assert split("trait", TREE, {"at": "2026-02-31"}).facts == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plan", "alice@example.com"), ("plan", "+1 202-555-0101"), ("plan", "x" * 201), ("plan", 5), ("plan", None),
        ("plan", "nul\0"), ("plan", "\ud800"), ("age", "41"), ("age", True), ("age", float("nan")), ("age", float("inf")),
        ("age", 2**70), ("vip", 1), ("since", "2026-02-31"), ("since", "31/01/2026"), ("at", "yesterday"),
        ("at", "2026-13-01T00:00:00Z"), ("tags", ["a", 1]), ("tags", ["bob@example.org"]), ("tags", "a"),
        ("email", "alice@example.com"), ("plan", {"a": 1}), ("address", "1 Road"), ("address", {"country": "Netherlands"}),
    ],
)  # fmt: skip
def test_anything_else_is_sealed(key: str, value: Any) -> None:
    it = split("trait", TREE, {key: value})
    assert it.facts == {}
    assert list(it.sealed) == [key]
    assert it.seen == []


def test_undeclared_keys_are_sealed_and_seen() -> None:
    it = split("trait", TREE, {"shoe": 43, "a": {"z": "q"}, "products": [{"price": 1, "colour": "red"}], "k.e[y]": 1})
    assert it.facts == {"products": [{"price": 1}]}
    assert it.seen == [("shoe", 43), ("a.z", "q"), ("products[].colour", "red"), (r"k\.e\[y]", 1)]


def test_below_an_identifying_object_only_what_is_declared_comes_out() -> None:
    it = split("trait", TREE, {"address": {"country": "NL", "street": "1 Road", "more": {"x": 1}}})
    assert it.facts == {"address": {"country": "NL"}}
    assert it.sealed == {"address": {"street": "1 Road", "more": {"x": 1}}}
    assert it.seen == []


def test_lists_keep_positions() -> None:
    lines = [{"price": 1}, {"name": "x"}, "odd", {}, {"price": 2, "x": {"y": "t", "z": 1}}]
    it = split("property", TREE, {"products": lines})
    assert it.facts == {"products": [{"price": 1}, {}, {}, {}, {"price": 2, "x": {"y": "t"}}]}
    assert merge(it.facts, it.sealed) == {"products": lines}


_KEYS = st.sampled_from(["plan", "age", "vip", "since", "at", "tags", "a", "b", "c", "products", "price", "category", "x", "y",
                         "email", "address", "country", "odd", "o.d", ""])  # fmt: skip
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["NL", "2026-01-31", "2026-01-31T10:00:00Z", "alice@example.com"])
    | st.lists(st.text(max_size=3), max_size=3)
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=4), max_leaves=30
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_law_the_parts_are_the_whole(values: dict[str, Any]) -> None:
    before = json.dumps(values)
    it = split("trait", TREE, values)
    assert merge(it.facts, it.sealed) == values
    assert json.dumps(values) == before, "the values that arrived are not changed"
    # Types survive too: True is not 1, and 1 is not 1.0.
    assert json.dumps(merge(it.facts, it.sealed), sort_keys=True) == json.dumps(values, sort_keys=True)


@given(st.dictionaries(st.text(min_size=1, max_size=6), _LEAVES, max_size=5))
def test_law_flatten_and_nest_are_inverse(values: dict[str, Any]) -> None:
    assert paths.nest(paths.flatten({"top": values, "one": 1})) == ({"top": values, "one": 1})


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4))
def test_law_a_path_gives_back_its_keys(keys: list[str]) -> None:
    path = ""
    for key in keys:
        path = paths.join(path, key)
    assert [key for key, _ in paths.steps(path)] == keys


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a[", "a[]", "a..b", "a[1].b"])
def test_no_path(text: str) -> None:
    with pytest.raises(paths.InvalidPath):
        paths.steps(text)


def test_builtin_facts_can_hold_no_personal_text() -> None:
    """A text fact of the built-in list is bound by a pattern or a list."""
    for it in FIELDS:
        assert it.data_class != "fact" or it.type != "text" or it.check is not None, it.name
        assert it.check is None or not it.check("Alice Archer")
    assert len({(it.scope, it.name) for it in FIELDS}) == len(FIELDS)
    assert len(set(EVENTS)) == len(EVENTS)
