"""Sources in REST."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from cdp.access.examples import example
from cdp.sources.create import BASES
from cdp.sources.models import Source


@extend_schema_serializer(component_name="SourcePurpose")
class PurposeSerializer(serializers.Serializer[Any]):
    """A purpose that a source serves, and on which legal basis (GDPR Art. 6(1))."""

    purpose = serializers.SlugField(max_length=60)
    basis = serializers.ChoiceField(choices=BASES)


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source. Name, kind and namespace stay; `quiet_after` is in minutes, null: learned from its usual rhythm."""

    purposes = PurposeSerializer(many=True, required=False)

    class Meta:
        model = Source
        fields = [
            "id",
            "name",
            "kind",
            "purposes",
            "priority",
            "region",
            "namespace",
            "enabled",
            "quiet_after",
            "muted",
            "key_prefix",
            "created_at",
        ]
        read_only_fields = ["id", "key_prefix", "created_at"]


@example({"name": "webshop", "kind": "http", "purposes": [{"purpose": "operate", "basis": "contract"}]})
class NewSourceSerializer(serializers.ModelSerializer[Source]):
    """What a source is made from. Without `purposes` it serves `operate` on the basis `contract`."""

    name = serializers.SlugField(max_length=60)
    kind = serializers.ChoiceField(choices=Source.Kind.choices, default=Source.Kind.HTTP)
    purposes = PurposeSerializer(many=True, required=False, allow_empty=False)

    class Meta:
        model = Source
        fields = ["name", "kind", "purposes", "priority", "region", "namespace"]


@example({"priority": 70, "enabled": True})
class SourceChangeSerializer(serializers.ModelSerializer[Source]):
    """What of a source can be changed."""

    purposes = PurposeSerializer(many=True, required=False, allow_empty=False)

    class Meta:
        model = Source
        fields = ["purposes", "priority", "region", "enabled", "quiet_after", "muted"]


class SourceWithKeySerializer(SourceSerializer):
    """A source that was just made, or whose key was just replaced, with its write key: shown this once."""

    write_key = serializers.CharField(read_only=True)

    class Meta(SourceSerializer.Meta):
        fields = [*SourceSerializer.Meta.fields, "write_key"]
