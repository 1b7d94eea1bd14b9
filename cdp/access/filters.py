"""Query parameters of lists: checked, described, and none left unread.

A filter that is not understood and left out would answer more than was asked for, so it is refused. A list names its filters in
a serializer of which each field's `source` is the look-up that it means; the same serializer describes them in OpenAPI:

    class RunFilter(Filter):
        state = serializers.ChoiceField(Run.State.values, required=False)
        since = Moment(source="started_at__gte", help_text="Begun at or after this time")

    rows.filter(**RunFilter.of(request))
"""

from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from cdp.access.pagination import LIST_PARAMETERS
from cdp.access.problems import Problem

PAGING = frozenset(it["name"] for it in LIST_PARAMETERS)


class Moment(serializers.DateTimeField):
    """A time with its zone. A plus sign that came as a space (nobody writes %2B) is read as what it was."""

    default_error_messages = {"zone": "A time needs its zone, such as Z."}

    def __init__(self, **more: Any) -> None:
        super().__init__(required=False, **more)

    def to_internal_value(self, value: Any) -> datetime:
        """Raises ValidationError."""
        text = str(value).strip().replace(" ", "+")
        if text[10:11] == "+":  # the space between day and time
            text = text[:10] + "T" + text[11:]
        if not text.endswith(("Z", "z")) and "+" not in text and "-" not in text[10:]:
            self.fail("zone")
        found: datetime = super().to_internal_value(text)
        return found


class Filter(serializers.Serializer[Any]):
    """The base of a list's filters."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        """The filters of a request, by look-up. Raises Problem for a parameter that nothing reads, ValidationError for a value
        that means nothing."""
        asked = cls(data=request.query_params.dict())
        for name in request.query_params:
            if name not in asked.fields and name not in PAGING:
                offered = ", ".join([*asked.fields, *sorted(PAGING)])
                raise Problem(400, "unknown_filter", "There is no such filter", field="query", remedy=f"Use {offered}.")
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)
