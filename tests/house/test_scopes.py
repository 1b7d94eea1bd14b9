"""Deny by default: every REST door names a scope that exists, for every method it answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from cdp.access.permission import ScopeRequired, scope_needed
from cdp.access.scopes import SCOPES

# The description of the API itself holds no data.
OPEN = {"/api/schema/", "/api/docs/"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _walk(patterns: list[Any], above: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def _doors() -> list[tuple[str, Any]]:
    return [
        (path, view)
        for path, view in _walk(get_resolver().url_patterns)
        if path.startswith("/api/") and path not in OPEN
    ]


def _methods(callback: Any) -> list[str]:
    """The methods a view answers: a view set's by its routes."""
    actions = getattr(callback, "actions", None)
    has = actions if actions else set(dir(callback.cls))
    return [method for method in METHODS if method.lower() in has]


@pytest.fixture(scope="module")
def doors() -> list[tuple[str, Any]]:
    found = _doors()
    assert found
    return found


def test_everything_under_api_is_a_rest_view(doors: list[tuple[str, Any]]) -> None:
    assert not [path for path, view in doors if not issubclass(getattr(view, "cls", object), APIView)]


def test_every_method_names_a_scope_that_exists(doors: list[tuple[str, Any]]) -> None:
    missing = [
        f"{method} {path}"
        for path, view in doors
        for method in _methods(view)
        if scope_needed(view.cls, method) not in SCOPES
    ]
    assert not missing


def test_no_door_does_without_the_check(doors: list[tuple[str, Any]]) -> None:
    for path, view in doors:
        kept = view.initkwargs.get("permission_classes", view.cls.permission_classes)
        assert ScopeRequired in kept, path
        assert AllowAny not in kept, path


def test_whoever_writes_names_another_scope_than_whoever_reads(doors: list[tuple[str, Any]]) -> None:
    """A scope that ends in :read never opens PUT, PATCH or DELETE (a POST may be a question)."""
    wrong = [
        f"{method} {path}"
        for path, view in doors
        for method in _methods(view)
        if method in {"PUT", "PATCH", "DELETE"} and str(scope_needed(view.cls, method)).endswith(":read")
    ]
    assert not wrong
