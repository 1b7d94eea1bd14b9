"""Segments in REST."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from segments.models import Segment
from segments.program import words


@example(
    {
        "key": "dutch-big-spenders",
        "name": "Dutch big spenders",
        "rule": {
            "all": [
                {"trait": "country", "is": "NL"},
                {"event": "Order Completed", "sum": {"of": "revenue", "gte": 100}, "within": {"days": 30}},
            ]
        },
        "purpose": "operate",
    }
)
class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A segment. `rule`: see `segments/schema/`; `built_at`: null while its members are being built."""

    key = serializers.SlugField(max_length=60, required=False)
    rule = serializers.DictField()
    condition = serializers.SerializerMethodField(help_text="The rule in words.")

    class Meta:
        model = Segment
        fields = [
            "id", "key", "name", "description", "kind", "rule", "condition", "purpose", "enabled", "version", "built_at",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = ["id", "kind", "version", "built_at", "created_at", "updated_at"]

    def get_condition(self, segment: Segment) -> str:
        """In words."""
        return words(segment.rule)


@example({"description": "For the spring campaign", "enabled": True})
class ChangeSerializer(serializers.Serializer[Any]):
    """What can be changed of a segment."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(allow_blank=True, required=False)
    rule = serializers.DictField(required=False)
    purpose = serializers.SlugField(max_length=60, required=False)
    enabled = serializers.BooleanField(required=False)


class MemberSerializer(serializers.Serializer[Any]):
    """A person in a segment."""

    profile_id = serializers.UUIDField()
    entered_at = serializers.DateTimeField(allow_null=True)


class SizeSerializer(serializers.Serializer[Any]):
    """People in it: with permission for the segment's purpose (listed), and without (withheld: counted, never listed)."""

    listed = serializers.IntegerField()
    withheld = serializers.IntegerField()


class PastMembersSerializer(SizeSerializer):
    """Who was in it at a moment of the past."""

    at = serializers.DateTimeField()
    results = MemberSerializer(many=True)
    next = serializers.CharField(allow_null=True)


@example({"rule": {"trait": "country", "in": ["NL", "BE"]}, "purpose": "operate"})
class PreviewRequestSerializer(serializers.Serializer[Any]):
    """A rule that need not be saved."""

    rule = serializers.DictField()
    purpose = serializers.SlugField(max_length=60, default="operate")


class EstimateSerializer(serializers.Serializer[Any]):
    """A number of people, and half the width of its 95 % interval (0: exact)."""

    count = serializers.IntegerField()
    error = serializers.IntegerField()


class PartSerializer(serializers.Serializer[Any]):
    """One condition of the first level alone."""

    condition = serializers.CharField()
    size = EstimateSerializer()


class PreviewSerializer(serializers.Serializer[Any]):
    """What a rule would give."""

    condition = serializers.CharField()
    population = serializers.IntegerField()
    size = EstimateSerializer()
    listed = EstimateSerializer()
    withheld = EstimateSerializer()
    parts = PartSerializer(many=True)
    sample = serializers.ListField(child=serializers.UUIDField())


class WhySerializer(serializers.Serializer[Any]):
    """Why somebody is a member, or is not: one condition with what was found; `parts` are of the same shape."""

    condition = serializers.CharField()
    kind = serializers.CharField()
    true = serializers.BooleanField()
    value = serializers.JSONField(allow_null=True)
    evidence = serializers.ListField(child=serializers.UUIDField())
    flips_at = serializers.DateTimeField(allow_null=True)
    parts = serializers.ListField(child=serializers.DictField())
