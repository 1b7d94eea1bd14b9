"""Runs of imports, and what other systems say of a customer, in JSON."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from cdp.connectors.models import RowError, Run
from cdp.connectors.update_profile import EVENTS, TRAITS


class RunSerializer(serializers.ModelSerializer[Run]):
    """An import of a file. The file's name is not told: it may name a person."""

    progress = serializers.SerializerMethodField(help_text="0 to 1; null where the format does not tell the size")

    class Meta:
        model = Run
        fields = (
            "id", "source_id", "state", "problem", "total", "position", "progress", "accepted", "duplicates", "rejected",
            "unread_phones", "started_at", "heartbeat_at", "finished_at",
        )  # fmt: skip

    def get_progress(self, run: Run) -> float | None:
        """How far it came."""
        return progress(run)


class RowErrorSerializer(serializers.ModelSerializer[RowError]):
    """A row that could not be read; no value of it."""

    class Meta:
        model = RowError
        fields = ("row", "column", "reason")


def progress(run: Any) -> float | None:
    """The share of rows that are done, 0 to 1; None where the size is not known."""
    if run.state == Run.State.FINISHED:
        return 1.0
    return round(min(1.0, run.position / run.total), 4) if run.total else None


_OBJECT = {"type": "object", "additionalProperties": True}
_EVENT = {
    "type": "object",
    "description": "One event; every other member is one of its properties.",
    "properties": {
        "event": {"type": "string", "description": "The event's name."},
        "id": {"type": "string", "description": "The sender's own id: sent again, it is the same event."},
        "timestamp": {"type": "string", "format": "date-time"},
        "properties": _OBJECT,
    },
    "additionalProperties": True,
}


@extend_schema_field(_OBJECT)
class Traits(serializers.Field[Any, Any, Any, Any]):
    """An object."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The object as it is. Raises ValidationError."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("This is not an object.", code="not_a_dict")
        return data


@extend_schema_field({"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]})
class Events(serializers.Field[Any, Any, Any, Any]):
    """One object, or a list of them."""

    def to_internal_value(self, data: Any) -> dict[str, Any] | list[dict[str, Any]]:
        """What was given. Raises ValidationError."""
        listed = data if isinstance(data, list) else [data]
        wrong = {str(n): ["This is not an object."] for n, one in enumerate(listed) if not isinstance(one, dict)}
        if wrong and not isinstance(data, list):
            raise serializers.ValidationError("This is neither an object nor a list of objects.", code="not_a_dict")
        if wrong:
            raise serializers.ValidationError(wrong, code="not_a_dict")
        if len(listed) > settings.MAX_BATCH_EVENTS:
            raise serializers.ValidationError("There are too many objects in one request.", code="max_length")
        given: dict[str, Any] | list[dict[str, Any]] = data
        return given


class UpdateProfileSerializer(serializers.Serializer[Any]):
    """What is known of one customer."""

    customer_id = serializers.CharField(max_length=200, help_text="The customer's id in the source: the wire's userId.")
    demographic_data = Traits(required=False, help_text="Traits of the customer, such as email, phone, birthday, city.")
    behavioral_data = Events(required=False, help_text="What the customer did: one event or a list of them.")
    transactional_data = Events(required=False, help_text="What the customer bought: one event or a list of them.")
    timestamp = serializers.CharField(
        required=False,
        max_length=40,
        help_text="ISO 8601. When this was so, where an event has no time of its own. Else: now.",
    )
    source_id = serializers.UUIDField(
        required=False, help_text="Needed only by a key that is not limited to exactly one source."
    )

    def to_internal_value(self, data: Any) -> Any:
        """Refuses what would otherwise be dropped in silence. Raises ValidationError."""
        if isinstance(data, dict) and set(data) - set(self.fields):
            known = ", ".join(self.fields)
            said = [ErrorDetail(f"Only these members are known: {known}.", code="unknown_member")]
            raise serializers.ValidationError({"non_field_errors": said})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At least one part says something."""
        if not any(attrs.get(part) for part in (TRAITS, *EVENTS)):
            raise serializers.ValidationError(
                f"It says nothing: send at least one of {', '.join((TRAITS, *EVENTS))}.", code="empty"
            )
        return attrs


class ToldSerializer(serializers.Serializer[Any]):
    """One object of the body, and the event it became."""

    place = serializers.CharField(help_text="Its path in the body, such as `behavioral_data.0`.")
    message_id = serializers.CharField(help_text="The event's id: the same again is a duplicate.")
    rejected = serializers.CharField(help_text="Empty, or the reason why it could not be taken.")


class UpdatedSerializer(serializers.Serializer[Any]):
    """What was taken, durably; reconciliation counts the same."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = serializers.IntegerField()
    events = ToldSerializer(many=True)
