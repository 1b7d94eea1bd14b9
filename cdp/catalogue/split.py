"""Splits arriving values into facts, which may stand in clear, and all the rest, which is sealed. Pure.

`merge(facts, sealed)` gives back exactly what arrived: both parts keep the nesting, and lists of objects their positions.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cdp.catalogue import paths

Accepts = Callable[[Any], bool]
LONGEST_TEXT = 200
_LONGEST_LIST = 100
_DEEPEST = 6  # undeclared objects are looked into this far when their keys are counted
_MOST_SEEN = 100  # undeclared leaves counted in one event
# An e-mail address or an international phone number in a text is a person, whatever was declared. NUL and lone surrogates
# cannot be stored as text.
_SUSPECT = re.compile(r"\S@\S|[\x00\ud800-\udfff]|^\s*\+\d[\d ().-]{7,}$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(slots=True)
class Split:
    """`facts` and `sealed` together are the values that arrived. `seen`: (path, value) of undeclared leaves, for counting
    by `observe()`; the values are used for their shape only and go nowhere."""

    scope: str
    facts: dict[str, Any] = field(default_factory=dict)
    sealed: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[str, Any]] = field(default_factory=list)


class Node:
    """A step of the declared paths: what a leaf here must be, and what lies below."""

    __slots__ = ("accepts", "declared", "each", "inside")

    def __init__(self) -> None:
        self.declared = False
        self.accepts: Accepts | None = None  # None: identifying
        self.inside: dict[str, Node] | None = None  # below an object
        self.each: dict[str, Node] | None = None  # below each object of a list


Tree = dict[str, Node]


def plant(tree: Tree, path: str, accepts: Accepts | None) -> None:
    """Adds a declared path to a tree. `accepts` tells whether a value is a fact of the declared type."""
    at = tree
    steps = paths.steps(path)
    for key, is_list in steps[:-1]:
        node = at.setdefault(key, Node())
        if is_list:
            node.each = node.each if node.each is not None else {}
            at = node.each
        else:
            node.inside = node.inside if node.inside is not None else {}
            at = node.inside
    leaf = at.setdefault(steps[-1][0], Node())
    leaf.declared, leaf.accepts = True, accepts


def split(scope: str, tree: Tree, values: Mapping[str, Any]) -> Split:
    """Splits one object by the declarations of its scope."""
    result = Split(scope)
    _object(tree, values, result.facts, result.sealed, result.seen, "", known=False)
    return result


def _object(
    tree: Tree,
    values: Mapping[str, Any],
    facts: dict[str, Any],
    sealed: dict[str, Any],
    seen: list[Any],
    prefix: str,
    *,
    known: bool,
) -> None:
    """`known`: something above is declared identifying, so what is not declared here needs no counting."""
    find = tree.get
    for key, value in values.items():
        node = find(key)
        if node is None:
            sealed[key] = value
            if not known:
                _see(paths.join(prefix, key), value, seen, _DEEPEST)
            continue
        kind = type(value)
        if kind is dict and node.inside is not None:
            part: dict[str, Any] = {}
            rest: dict[str, Any] = {}
            _object(node.inside, value, part, rest, seen, paths.join(prefix, key), known=known or node.declared)
            if part:
                facts[key] = part
            if rest or not value:
                sealed[key] = rest
        elif kind is list and node.each is not None:
            _list(node, key, value, facts, sealed, seen, paths.join(prefix, key) + "[]", known or node.declared)
        elif node.accepts is not None and node.accepts(value):
            facts[key] = value
        else:
            sealed[key] = value
            if not node.declared and not known:
                _see(paths.join(prefix, key), value, seen, _DEEPEST)


def _list(
    node: Node,
    key: str,
    values: list[Any],
    facts: dict[str, Any],
    sealed: dict[str, Any],
    seen: list[Any],
    prefix: str,
    known: bool,
) -> None:
    assert node.each is not None
    parts: list[Any] = []
    rests: list[Any] = []
    any_fact = any_rest = False
    for value in values:
        part: dict[str, Any] = {}
        if type(value) is dict:
            rest: Any = {}
            _object(node.each, value, part, rest, seen, prefix, known=known)
            any_rest = any_rest or bool(rest)
        else:
            rest, any_rest = value, True
        any_fact = any_fact or bool(part)
        parts.append(part)
        rests.append(rest)
    if any_fact:
        facts[key] = parts
    if any_rest or not any_fact:
        sealed[key] = rests


def _see(path: str, value: Any, seen: list[tuple[str, Any]], depth: int) -> None:
    if len(seen) >= _MOST_SEEN or len(path) > paths.LONGEST:
        return
    if depth and type(value) is dict and value:
        for key, below in value.items():
            _see(paths.join(path, key), below, seen, depth - 1)
    elif depth and type(value) is list and value and type(value[0]) is dict:
        for below in value[:5]:
            if type(below) is dict:
                for key, leaf in below.items():
                    _see(paths.join(path + "[]", key), leaf, seen, depth - 1)
    else:
        seen.append((path, value))


def merge(facts: Mapping[str, Any], sealed: Mapping[str, Any]) -> dict[str, Any]:
    """What arrived, from its two parts (the order of keys may differ)."""
    merged = dict(sealed)
    for key, fact in facts.items():
        merged[key] = _merged(fact, sealed[key]) if key in sealed else fact
    return merged


def _merged(fact: Any, rest: Any) -> Any:
    if isinstance(fact, dict) and isinstance(rest, dict):
        return merge(fact, rest)
    if isinstance(fact, list) and isinstance(rest, list):
        return [_merged(left, right) for left, right in zip(fact, rest, strict=True)]
    return rest


def looks_personal(text: str) -> bool:
    """Whether a text holds an e-mail address or is an international phone number, or cannot be stored as text."""
    return _SUSPECT.search(text) is not None


def _text(value: Any) -> bool:
    if type(value) is not str or len(value) > LONGEST_TEXT:
        return False
    # What is printable holds neither NUL nor surrogates: only the signs that the expression looks for remain.
    return ("@" not in value and "+" not in value and value.isprintable()) or _SUSPECT.search(value) is None


def _whole_or_real(value: Any) -> bool:
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) is float and math.isfinite(value)


def _boolean(value: Any) -> bool:
    return type(value) is bool


def _date(value: Any) -> bool:
    if type(value) is not str or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _datetime(value: Any) -> bool:
    """A moment; a day counts as its midnight, as in rules."""
    if type(value) is not str or len(value) > 40 or not (_DATETIME.fullmatch(value) or _DATE.fullmatch(value)):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> bool:
    return type(value) is list and len(value) <= _LONGEST_LIST and all(map(_text, value))


ACCEPTS: dict[str, Accepts] = {
    "text": _text,
    "number": _whole_or_real,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "list": _texts,
}


def narrowed(check: Callable[[str], bool]) -> Accepts:
    """A text fact that also passes `check`."""
    return lambda value: _text(value) and check(value)
