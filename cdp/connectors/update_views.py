"""REST: update_profile."""

from datetime import UTC, datetime
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import FieldError, Problem
from cdp.access.rest import View
from cdp.connectors.serializers import UpdatedSerializer, UpdateProfileSerializer
from cdp.connectors.update_profile import Unusable, update_profile
from cdp.events.writer import Overloaded
from cdp.sources import lookup
from cdp.sources.asked import speaking_for, unclear
from cdp.sources.lookup import SourceInfo

_EXAMPLE = OpenApiExample(
    "A customer",
    request_only=True,
    value={
        "customer_id": "u-1",
        "demographic_data": {"email": "alice@example.com", "city": "Utrecht", "age": 41},
        "behavioral_data": [
            {"event": "Product Viewed", "timestamp": "2026-03-01T09:30:00Z", "sku": "s-7"},
            {"event": "Email Opened", "campaign": "spring"},
        ],
        "transactional_data": {"event": "Order Completed", "id": "o-1", "revenue": 25.5, "currency": "EUR"},
    },
)


class UpdateProfileView(View):
    """What another system knows of one customer."""

    scopes = {"POST": "update:write"}
    problems = {"POST": (404, 503)}

    @extend_schema(
        operation_id="update_profile",
        request=UpdateProfileSerializer,
        responses={202: UpdatedSerializer},
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Takes traits, behaviour and purchases of one customer. The answer comes when they are durable; the profile shows them
        within about a second."""
        asked = UpdateProfileSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        source = _source(request, said.get("source_id"))
        key = request.headers.get("Idempotency-Key", "").strip()[:255]
        try:
            told, receipt = update_profile(source, said, idempotency_key=key, at=datetime.now(UTC))
        except Unusable as unusable:
            errors = [FieldError(field, text, "Correct it and send it again.") for field, text in unusable.errors]
            raise Problem(400, "invalid", "Nothing was taken", "See errors for each field.", errors=errors) from None
        except Overloaded:
            raise Problem(
                503,
                "overloaded",
                "Not taken now",
                remedy="Send the same again in a moment.",
                headers={"Retry-After": "2"},
            ) from None
        reasons = {one.index: one.reason for one in receipt.rejected}
        events = [
            {"place": one.place, "message_id": one.event["messageId"], "rejected": reasons.get(index, "")}
            for index, one in enumerate(told)
        ]
        counts = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": len(receipt.rejected)}
        return Response(counts | {"events": events}, status=202)


def _source(request: Request, asked: UUID | None) -> SourceInfo:
    """The source that the key is limited to, or the one asked for. Raises Problem or Http404."""
    source = speaking_for(request, asked)
    if source is None:
        raise unclear()
    if not source.enabled:
        raise Problem(
            409,
            "source_disabled",
            "The source takes nothing",
            "It is disabled.",
            remedy="Enable the source, or ask for it.",
        )
    return lookup.info_of(source)
