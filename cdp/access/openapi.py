"""The OpenAPI description: problem details for every error, the scope of every operation, the two ways to sign in."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cdp.access import idempotency
from cdp.access.authentication import KeyAuthentication, SessionAuthentication
from cdp.access.pagination import CursorPagination
from cdp.access.permission import scope_needed
from cdp.access.problems import MEDIA_TYPE
from cdp.access.scopes import SCOPES

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "request_id": {"type": "string"},
        "code": {"type": "string"},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail", "remedy"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}, "remedy": {"type": "string"}},
            },
        },
    },
}
_ERRORS = {
    "400": "The request is not valid",
    "401": "No live key or session",
    "403": "The scope is missing, or what was asked for is not permitted",
    "404": "There is nothing here",
    "406": "Only application/json is answered",
    "409": "It does not fit the present state, or a request with this Idempotency-Key is being worked on",
    "412": "It has changed meanwhile",
    "413": "The body is too large",
    "415": "The body's type is not application/json",
    "422": "The Idempotency-Key came with another request before",
    "429": "Too many requests",
    "503": "Not now: come back after Retry-After",
}


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


_IDEMPOTENCY = _header(
    idempotency.HEADER,
    "1 to 255 visible ASCII characters, best a UUID: sent again with the same request within 24 hours, it gets the first "
    "answer instead of a second change.",
)
_IF_NONE_MATCH = _header("If-None-Match", "An ETag: 304 if it is still the present one.")
_IF_MATCH = _header("If-Match", "An ETag: 412 unless it is still the present one.")


def _told(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_ETAG = {"ETag": _told("The version, for If-None-Match and If-Match.")}
_RATE = {
    "RateLimit": _told("What is left, and in how many seconds there is more."),
    "RateLimit-Policy": _told("So many requests (q) in so many seconds (w)."),
}
_RETRY = {"Retry-After": _told("Seconds.", "integer")}
_REPLAYED = {idempotency.REPLAYED: _told("`true` if this is the answer to an earlier request with this key.")}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the API key."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "An API key, made with `manage.py create_key`."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the session of admin."""

    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The session cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Signed in to /admin/."}


class Schema(AutoSchema):
    """DRF's default schema class (settings)."""

    def get_description(self) -> str:  # type: ignore[override]
        """The view's docstring, and the scope it needs."""
        said = (super().get_description() or "").strip()
        scope = scope_needed(self.view, self.method)
        if not scope:
            return said
        return f"{said}\n\nScope: `{scope}` ({SCOPES.get(scope, '')})".strip()

    def get_extensions(self) -> dict[str, Any]:
        """The scope, for machines."""
        scope = scope_needed(self.view, self.method)
        return {**super().get_extensions(), **({"x-scope": scope} if scope else {})}

    def get_override_parameters(self) -> list[Any]:
        """What every view of its kind reads besides: keys of idempotency, ETags."""
        more = []
        if idempotency.changes(self.view, self.method):
            more.append(_IDEMPOTENCY)
        if self._is_versioned():
            more.append(_IF_NONE_MATCH if self.method == "GET" else _IF_MATCH)
        return [*super().get_override_parameters(), *more]

    def _get_paginator(self) -> Any:
        """Every list answers a page, also one that is read with SQL of its own."""
        found = super()._get_paginator()  # type: ignore[no-untyped-call]
        return found or (CursorPagination() if self.method == "GET" else None)

    def _get_pagination_parameters(self) -> list[dict[str, Any]]:
        """Of views that are paged: DRF's generic ones, and those that say so (`paged = True`)."""
        paged = getattr(self.view, "pagination_class", None) or getattr(self.view, "paged", False)
        found: list[dict[str, Any]] = super()._get_pagination_parameters() if paged else []  # type: ignore[no-untyped-call]
        return found

    def _map_serializer_field(
        self, field: Any, direction: Literal["request", "response"], *rest: Any, **more: Any
    ) -> Any:
        """Also a list whose items may be null: drf-spectacular forgets it of items that are objects."""
        schema = super()._map_serializer_field(field, direction, *rest, **more)  # type: ignore[no-untyped-call]
        child = getattr(field, "child", None)
        if isinstance(child, serializers.Serializer) and child.allow_null and "items" in schema:
            schema["items"] = {"oneOf": [schema["items"], {"type": "null"}]}
        return schema

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {}).update(self._headers())
        problem = {MEDIA_TYPE: {"schema": self._problem()}}
        for status in self._errors():
            told = _RETRY if status in {"429", "503"} else {}
            answer = {"description": _ERRORS[status], "headers": {**told}, "content": problem}
            responses.setdefault(status, {name: value for name, value in answer.items() if value})
        if self._is_versioned() and self.method == "GET":
            responses["304"] = {"description": "It is still what If-None-Match says", "headers": _ETAG}
        return dict(sorted(responses.items()))

    def _headers(self) -> dict[str, Any]:
        replayed = _REPLAYED if idempotency.changes(self.view, self.method) else {}
        return {**_RATE, **(_ETAG if self._is_versioned() else {}), **replayed}

    def _is_versioned(self) -> bool:
        """One object with an ETag: the view says so (`versioned = True`), and the path names one."""
        return bool(getattr(self.view, "versioned", False)) and self.path.endswith("}/") and self.method != "POST"

    def _errors(self) -> list[str]:
        """Which problems the operation can answer with: what the plumbing of every door can, and what the view names in
        `problems`, by method, besides."""
        errors = {"400", "401", "403", "406", "429"}
        if self.method in {"POST", "PUT", "PATCH"}:
            errors |= {"413", "415"}
        if "{" in self.path:
            errors.add("404")
        if self._is_versioned() and self.method != "GET":
            errors.add("412")
        if idempotency.changes(self.view, self.method):
            errors |= {"409", "422"}
        named: Mapping[str, Sequence[int]] = getattr(self.view, "problems", {})
        return sorted(errors | {str(status) for status in named.get(self.method, ())})

    def _problem(self) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, schema=_PROBLEM, object="cdp.access.problems.Problem"
        )
        self.registry.register_on_missing(component)
        ref: dict[str, Any] = component.ref
        return ref
