"""What happens at every REST door before and after its own work, beside DRF's authentication and permission.

Before: the query is legible, the caller is within its rate, and a change that carries an `Idempotency-Key` happens once.
After: the rate is told. The order matters: a caller over its rate costs no permission check and writes no audit entry.
"""

from functools import partial
from typing import Any

from rest_framework import views
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

from cdp.access import idempotency, query, rates


class ByAccept(DefaultContentNegotiation):
    """Answers have the form that `Accept` asks for. DRF would also read `?format=`, and say 404 for one that it does not know."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        """All of them."""
        return renderers


class Door(views.APIView):
    """The base of `View`, `GenericView` and the view sets of `rest.py`."""

    content_negotiation_class = ByAccept
    _allowance: rates.Allowance | None = None

    def perform_authentication(self, request: Request) -> None:
        """Who asks, and whether they ask too often: raises a 429 Problem."""
        idempotency.keep_body(request)
        super().perform_authentication(request)
        self._allowance = rates.spend(request)
        if self._allowance is not None and not self._allowance.granted:
            raise rates.too_many(self._allowance)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """DRF's checks, then ours. A change with an `Idempotency-Key` gets its handler wrapped: DRF looks it up next."""
        super().initial(request, *args, **kwargs)
        query.check(request)
        method = (request.method or "").lower()
        key = idempotency.key_of(request, self) if hasattr(self, method) else None
        if key is not None:
            setattr(self, method, partial(idempotency.once, key, getattr(self, method)))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tells the rate that is left. `response`: DRF's or Django's, as a replayed answer is."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._allowance is not None:
            for name, value in rates.headers(self._allowance).items():
                response[name] = value
        return response
