"""The OpenAPI description: problem details for every error, the scope of every operation, the two ways to sign in."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from cdp.access.authentication import KeyAuthentication, SessionAuthentication
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
    "403": "The scope is missing",
    "404": "There is nothing here",
    "412": "It has changed meanwhile",
    "415": "The body's type is not supported",
}


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

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self._problem()
        for status in self._errors():
            responses.setdefault(
                status,
                {
                    "description": _ERRORS[status],
                    "content": {MEDIA_TYPE: {"schema": problem}},
                },
            )
        responses.setdefault(
            "default", {"description": "Any other problem", "content": {MEDIA_TYPE: {"schema": problem}}}
        )
        return responses

    def _errors(self) -> list[str]:
        """Which errors the operation can answer with."""
        errors = ["401", "403"]
        if self.method in {"POST", "PUT", "PATCH"}:
            errors += ["400", "415"]
        elif self._is_list_view():
            errors.append("400")
        if "{" in self.path:
            errors.append("404")
            if self.method in {"PUT", "PATCH", "DELETE"}:
                errors.append("412")
        return sorted(errors)

    def _problem(self) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, schema=_PROBLEM, object="cdp.access.problems.Problem"
        )
        self.registry.register_on_missing(component)
        ref: dict[str, Any] = component.ref
        return ref
