"""Deny by default: a view names the scope it needs, and a view or a method without one is refused."""

from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions, permissions
from rest_framework.request import Request

from cdp.access.principals import audited, holds

Scopes = str | Mapping[str, str]


class Forbidden(exceptions.PermissionDenied):
    """403 with an explanation that holds no value."""

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


def scope_needed(view: Any, method: str) -> str | None:
    """The scope that a view names for a method: HEAD and OPTIONS as GET (else as any method it has)."""
    named: Scopes | None = getattr(view, "scopes", None)
    if named is None or isinstance(named, str):
        return named
    if method in {"HEAD", "OPTIONS"}:
        return named.get(method) or named.get("GET") or next(iter(named.values()), None)
    return named.get(method)


class ScopeRequired(permissions.BasePermission):
    """Denies by default. A denial of someone known is an audit entry."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True if key or role hold the view's scope for the method; raises Forbidden with the scope's name otherwise."""
        if request.method not in view.allowed_methods and request.method != "OPTIONS":
            return True  # DRF answers 405
        scope = scope_needed(view, request.method or "")
        if not request.user or not request.user.is_authenticated:
            return False
        if scope and holds(request, scope):
            return True
        audited(request, "access.deny", object=("scope", scope or ""), outcome="denied", rows=0)
        raise Forbidden(f"This needs the scope {scope}." if scope else "This door names no scope, so it stays shut.")
