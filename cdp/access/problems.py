"""Errors as problem details (RFC 9457, application/problem+json). No text in them repeats a value that came in."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import override
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from cdp.access.middleware import request_id_of

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:problem-type:cdp:"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field (a path such as `batch.0.email`; "" is the whole body) and what to do about it."""

    field: str
    detail: str
    remedy: str = ""


class Problem(exceptions.APIException):
    """Raise it anywhere under a REST view. `title` names the kind of problem, `detail` this case; no values in either."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        field: str = "",
        remedy: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title, code)
        self.status_code = status
        self.code, self.title, self.text, self.remedy = code, title, detail or title, remedy
        self.errors = list(errors) or ([FieldError(field, self.text, remedy)] if field else [])
        self.headers = dict(headers or {})


_REMEDIES = {
    "required": "Send this field.",
    "null": "Send a value, not null.",
    "blank": "Send a value that is not empty.",
    "empty": "Send at least one item.",
    "invalid_choice": "Send one of the values that the API's schema lists.",
    "does_not_exist": "Send the id of an existing object.",
    "unique": "Choose another value: this one is taken.",
    "not_a_list": "Send a list.",
    "not_a_dict": "Send an object.",
    "max_length": "Shorten it.",
    "max_value": "Send a smaller number.",
    "min_value": "Send a larger number.",
}
_QUOTED = re.compile(r"[\"“].*[\"”]", re.DOTALL)


def _without_values(text: str) -> str:
    """DRF's messages quote the offending value: `"x" is not a valid choice.`"""
    return _QUOTED.sub("This value", text, count=1)


def _walk(detail: Any, path: str = "") -> Iterator[FieldError]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _walk(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            yield from _walk(inner, f"{path}.{position}".lstrip(".") if nested else path)
    else:
        code = str(getattr(detail, "code", "invalid"))
        yield FieldError(path, _without_values(str(detail)), _REMEDIES.get(code, "Correct it and send it again."))


_KNOWN: dict[type[Exception], tuple[int, str, str, str]] = {
    exceptions.ParseError: (400, "malformed", "The body cannot be read", "Send valid JSON in UTF-8."),
    exceptions.AuthenticationFailed: (
        401,
        "unauthenticated",
        "The key or session is not valid",
        "Send `Authorization: Bearer KEY` with a live key.",
    ),
    exceptions.NotAuthenticated: (
        401,
        "unauthenticated",
        "Sign in or send a key",
        "Send `Authorization: Bearer KEY` with a live key.",
    ),
    exceptions.PermissionDenied: (403, "forbidden", "Not allowed", "Ask for a key or a role with the scope needed."),
    exceptions.NotFound: (404, "not_found", "There is nothing here", "Check the path and the id."),
    exceptions.MethodNotAllowed: (
        405,
        "method_not_allowed",
        "This method is not allowed here",
        "See the Allow header.",
    ),
    exceptions.NotAcceptable: (406, "not_acceptable", "No such representation", "Accept application/json."),
    exceptions.UnsupportedMediaType: (
        415,
        "unsupported_media_type",
        "The body's type is not supported",
        "Send Content-Type: application/json.",
    ),
    exceptions.Throttled: (429, "too_many_requests", "Too many requests", "Wait as long as Retry-After says."),
}


def as_problem(error: Exception) -> Problem:
    """The problem that an exception means. An unforeseen one becomes a 500 that says nothing about it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        with override("en"):
            errors = list(_walk(error.detail))
        return Problem(400, "invalid", "The request is not valid", "See errors for each field.", errors=errors)
    for kind, (status, code, title, remedy) in _KNOWN.items():
        if isinstance(error, kind):
            return Problem(status, code, title, _explanation(error), remedy=remedy, headers=_headers(error))
    if isinstance(error, exceptions.APIException):
        status = error.status_code
        return Problem(status, "error", HTTPStatus(status).phrase)
    if isinstance(error, RequestDataTooBig):
        remedy = f"Send at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes."
        return Problem(413, "too_large", "The body is too large", remedy=remedy)
    if isinstance(error, SuspiciousOperation | BadRequest):
        return Problem(400, "bad_request", "The request is not valid")
    return Problem(500, "internal", "Something went wrong here", remedy="Report the request id to the operator.")


def _explanation(error: Exception) -> str:
    """Our own permission texts say which scope is missing; other texts may quote what came in."""
    return getattr(error, "explanation", "")


def _headers(error: Exception) -> dict[str, str]:
    wait = getattr(error, "wait", None)
    return {} if wait is None else {"Retry-After": str(int(wait) + 1)}


def body(problem: Problem, request: object) -> dict[str, Any]:
    """The members of the problem details object."""
    request_id = request_id_of(request)
    content: dict[str, Any] = {
        "type": TYPE + problem.code,
        "title": problem.title,
        "status": problem.status_code,
        "detail": problem.text,
        "instance": f"urn:uuid:{request_id}",
        "request_id": request_id,
        "code": problem.code,
    }
    if problem.remedy:
        content["remedy"] = problem.remedy
    if problem.errors:
        content["errors"] = [asdict(error) for error in problem.errors]
    return content


def handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error of a REST view ends here, also those that nobody foresaw."""
    problem, request = as_problem(error), context["request"]
    if problem.status_code >= 500 and not isinstance(error, Problem):
        log.error("unhandled exception in a REST view", exc_info=error)
    response = Response(body(problem, request), status=problem.status_code, content_type=MEDIA_TYPE)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _plain(request: HttpRequest, problem: Problem) -> HttpResponse:
    return JsonResponse(body(problem, request), status=problem.status_code, content_type=MEDIA_TYPE)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: problem details under /api/, Django's page elsewhere."""
    return _plain(request, as_problem(Http404())) if _is_api(request) else defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400, likewise."""
    if _is_api(request):
        return _plain(request, as_problem(SuspiciousOperation()))
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403, likewise."""
    if _is_api(request):
        return _plain(request, as_problem(PermissionDenied()))
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500, likewise."""
    if _is_api(request):
        return _plain(request, Problem(500, "internal", "Something went wrong here"))
    return defaults.server_error(request)
