"""Paths name the leaves of nested values: "a.b", "products[].price". Pure.

A key that itself holds a dot, a bracket or a backslash has them escaped by a backslash, so that no key can pose as a path.
"""

import re
from collections.abc import Mapping
from typing import Any

_SPECIAL = re.compile(r"[\\.\[]")
_STEP = re.compile(r"((?:[^\\.\[]|\\.)+)(\[\])?(\.|$)", re.DOTALL)
LONGEST = 200


class InvalidPath(ValueError):
    """A text that is no path."""


def escape(key: str) -> str:
    """One key as a step of a path."""
    # An identifier, as nearly every key is, has nothing to escape.
    return key if key.isidentifier() else _SPECIAL.sub(r"\\\g<0>", key)


def join(prefix: str, key: str) -> str:
    """The path of a key below `prefix` ("" at the top)."""
    step = escape(key)
    return f"{prefix}.{step}" if prefix else step


def steps(path: str) -> list[tuple[str, bool]]:
    """The steps of a path: (key, is a list of objects). Raises InvalidPath."""
    found: list[tuple[str, bool]] = []
    position, more = 0, True
    while position < len(path):
        match = _STEP.match(path, position)
        if not match:
            raise InvalidPath("not a path such as a, a.b or products[].price")
        found.append((re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), bool(match[2])))
        position, more = match.end(), match[3] == "."
    if not found or more or found[-1][1]:
        raise InvalidPath("not a path such as a, a.b or products[].price")
    return found


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level of paths; lists stay values. {"a": {"b": 1}} -> {"a.b": 1}"""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = join(prefix, key)
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, path))
        else:
            flat[path] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`. A path through a value that is no object loses to that value."""
    nested: dict[str, Any] = {}
    for path, value in sorted(flat.items()):
        at = nested
        keys = [key for key, _ in steps(path)]
        for key in keys[:-1]:
            below = at.setdefault(key, {})
            if not isinstance(below, dict):
                break
            at = below
        else:
            at.setdefault(keys[-1], value)
    return nested
