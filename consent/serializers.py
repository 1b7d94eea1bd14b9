"""Consent in REST."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from cdp.catalogue.identifiers import KINDS
from consent.models import Basis, Notice, Purpose, Status


@example({"key": "newsletter", "name": "Newsletter", "description": "Offers by e-mail", "basis": "consent"})
class PurposeSerializer(serializers.ModelSerializer[Purpose]):
    """A purpose of processing."""

    class Meta:
        model = Purpose
        fields = ["id", "key", "name", "description", "basis", "opt_out_by_gpc", "created_at"]
        read_only_fields = ["id", "created_at"]
        extra_kwargs = {"key": {"validators": []}, "name": {"required": False}}


@example(
    {"purpose": "newsletter", "version": "2026-03", "language": "en", "text": "May we write you about new offers?"}
)
class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """The exact text that people were shown, and its SHA-256."""

    text_hash = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ["id", "purpose", "version", "language", "text", "text_hash", "created_at"]
        read_only_fields = ["id", "created_at"]
        validators: list[Any] = []

    def get_text_hash(self, notice: Notice) -> str:
        """Hexadecimal."""
        return bytes(notice.text_hash).hex()


class IdentifierSerializer(serializers.Serializer[Any]):
    """An identifier of a person, in the body and never in an address."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    value = serializers.CharField(max_length=400)


class WhoSerializer(serializers.Serializer[Any]):
    """One person: `kind` and `value`, or several `identifiers`. `namespace` and `region` as in the source they come from."""

    kind = serializers.ChoiceField(choices=list(KINDS), required=False)
    value = serializers.CharField(max_length=400, required=False)
    identifiers = serializers.ListField(child=IdentifierSerializer(), required=False, max_length=20)
    region = serializers.CharField(max_length=2, required=False)
    namespace = serializers.SlugField(max_length=60, required=False, default="main")


@example(
    {
        "kind": "email",
        "value": "alice@example.com",
        "purpose": "newsletter",
        "status": "granted",
        "notice_version": "2026-03",
        "channel": "web",
        "method": "form",
    }
)
class ConsentSerializer(WhoSerializer):
    """A statement. `id` makes it safe to send again: the same id and purpose is one statement."""

    id = serializers.UUIDField(required=False)
    source_id = serializers.UUIDField(required=False)
    purpose = serializers.CharField(max_length=60)
    status = serializers.ChoiceField(choices=Status.choices)
    basis = serializers.ChoiceField(choices=Basis.choices, default=Basis.CONSENT)
    notice_version = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    method = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    channel = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    jurisdiction = serializers.CharField(max_length=10, required=False, allow_blank=True, default="")
    evidence = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    effective_from = serializers.DateTimeField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class RecordedSerializer(serializers.Serializer[Any]):
    """What was recorded: `recorded` is false when this statement was known already."""

    recorded = serializers.BooleanField()
    id = serializers.UUIDField()


@example({"kind": "email", "value": "alice@example.com", "purpose": "newsletter"})
class CheckSerializer(WhoSerializer):
    """A question: is this purpose permitted for this person, at `at` (default: now), as known at `known_at`?"""

    purpose = serializers.CharField(max_length=60)
    basis = serializers.ChoiceField(choices=Basis.choices, required=False)
    at = serializers.DateTimeField(required=False)
    known_at = serializers.DateTimeField(required=False)


class DecisionSerializer(serializers.Serializer[Any]):
    """The answer, its reason, and the ledger entries that decided."""

    allowed = serializers.BooleanField()
    because = serializers.CharField()
    code = serializers.CharField()
    entries = serializers.ListField(child=serializers.UUIDField())
