"""Shapes of merges, decisions and constraints in REST: ids and counts only."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from identity.models import Constraint, Merge


class MergeSerializer(serializers.ModelSerializer[Merge]):
    """One act of the history. `records`: those that moved; `because`: links by rule, or the decision behind it."""

    class Meta:
        model = Merge
        fields = ("id", "kind", "profile_id", "others", "records", "because", "actor", "undone_at", "at")
        read_only_fields = fields


@example(
    {
        "left_id": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f",
        "right_id": "019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60",
        "verdict": "cannot_link",
    }
)
class ConstraintSerializer(serializers.ModelSerializer[Constraint]):
    """What a person decided about two records."""

    class Meta:
        model = Constraint
        fields = ("id", "left_id", "right_id", "verdict", "actor", "at")
        read_only_fields = ("id", "actor", "at")


@example({"profile_id": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f", "records": ["019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60"]})
class UnmergeSerializer(serializers.Serializer[Any]):
    """Which records of a profile are somebody else."""

    profile_id = serializers.UUIDField()
    records = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)


class DecidedSerializer(serializers.Serializer[Any]):
    """What came of a decision. `refused`: links that are not followed, by reason."""

    merges = serializers.ListField(child=serializers.UUIDField())
    profiles = serializers.ListField(child=serializers.UUIDField())
    refused = serializers.DictField(child=serializers.IntegerField())
