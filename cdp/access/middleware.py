"""An id for every request, in its log lines, its problem details, its audit entries and its answer."""

from collections.abc import Callable
from uuid import UUID

import structlog
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from cdp.ids import uuid7

HEADER = "X-Request-Id"
# Where the WSGI environment keeps, for whoever counts and logs requests, their id and the pattern that they matched.
REQUEST_ID, ROUTE = "cdp.request_id", "cdp.route"


def request_id_of(request: object) -> str:
    """The id that `RequestId` gave, or "" outside of a request."""
    return str(getattr(request, "request_id", ""))


def _given(request: HttpRequest) -> str:
    try:
        # Nothing but a UUID is taken over: any other text could carry a personal value into the logs.
        return str(UUID(request.headers.get(HEADER, "")))
    except ValueError:
        return str(uuid7())


class RequestId:
    """Gives `request.request_id` and answers it as `X-Request-Id`; answers of the API are not kept by shared caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _given(request)
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        match = request.resolver_match
        request.META.update({REQUEST_ID: request_id, ROUTE: f"/{match.route}" if match else "(none)"})
        response[HEADER] = request_id
        if request.path.startswith("/api/v1/"):
            response.setdefault("Cache-Control", "private, no-cache")
        return response


class PagePolicy(CSPMiddleware):
    """The content security policy of pages. Answers of the API are JSON, never sniffed for anything else: they need none, and
    writing it costs more than finding their route."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """With the policy, unless it is data."""
        return response if request.path.startswith("/api/v1/") else super().process_response(request, response)
