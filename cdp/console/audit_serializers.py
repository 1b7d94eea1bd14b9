"""The audit trail in JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cdp.access.filters import Filter, Moment
from cdp.audit.entries import OUTCOMES
from cdp.audit.models import Entry


class ActorSerializer(serializers.Serializer[Entry]):
    """Who acted."""

    kind = serializers.CharField(source="actor_kind", help_text="user, key, system or anonymous")
    id = serializers.CharField(source="actor_id")
    role = serializers.CharField()
    on_behalf_of = serializers.CharField()


class ObjectSerializer(serializers.Serializer[Entry]):
    """On what."""

    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")


class EntrySerializer(serializers.ModelSerializer[Entry]):
    """One line of the log."""

    actor = ActorSerializer(source="*")
    object = ObjectSerializer(source="*")
    subjects = serializers.SerializerMethodField(help_text="Commitments: salted pseudonyms, in hexadecimal")
    has_reason = serializers.SerializerMethodField(help_text="Whether the entry, read alone, has a reason to show")
    outcome = serializers.ChoiceField(choices=sorted(OUTCOMES))

    class Meta:
        model = Entry
        fields = (
            "sequence", "entry_id", "at", "actor", "action", "object", "subjects", "fields", "purpose", "basis",
            "has_reason", "outcome", "rows", "request_id", "client", "details",
        )  # fmt: skip

    def get_subjects(self, entry: Entry) -> list[str]:
        """Hexadecimal."""
        return [bytes(subject).hex() for subject in entry.subjects]

    def get_has_reason(self, entry: Entry) -> bool:
        """Is there a sealed reason?"""
        return entry.reason_sealed is not None


class EntryDetailSerializer(EntrySerializer):
    """One line of the log with its reason."""

    reason = serializers.SerializerMethodField(help_text="The free-text reason, unsealed for this answer")

    class Meta(EntrySerializer.Meta):
        fields = (*EntrySerializer.Meta.fields, "reason")  # type: ignore[assignment]

    @extend_schema_field({"type": ["string", "null"]})
    def get_reason(self, entry: Entry) -> Any:
        """Opened by the view, which writes that down."""
        return self.context["reason"]


class EntryFilter(Filter):
    """The query of a list of entries. `from` is the first moment that belongs to it, `to` the first that does not."""

    to = Moment(source="at__lt", help_text="Entries before this time")
    actor = serializers.CharField(required=False, max_length=200, source="actor_id", help_text="Id of the user or key")
    action = serializers.CharField(required=False, max_length=200, help_text="Such as profile.read")
    object_type = serializers.CharField(required=False, max_length=200)
    object_id = serializers.CharField(required=False, max_length=200)
    outcome = serializers.ChoiceField(required=False, choices=sorted(OUTCOMES))

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which Python has no attribute for."""
        start = Moment(source="at__gte", help_text="Entries at or after this time")
        return {"from": start, **super().get_fields()}
