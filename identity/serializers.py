"""Shapes of merges, decisions and constraints in REST: ids and counts only."""

from typing import Any

from rest_framework import serializers

from identity.models import Constraint, Merge


class MergeSerializer(serializers.ModelSerializer[Merge]):
    """One act of the history. `records`: those that moved; `because`: links by rule, or the decision behind it."""

    class Meta:
        model = Merge
        fields = ("id", "kind", "profile_id", "others", "records", "because", "actor", "undone_at", "at")
        read_only_fields = fields


class ConstraintSerializer(serializers.ModelSerializer[Constraint]):
    """What a person decided about two records."""

    class Meta:
        model = Constraint
        fields = ("id", "left_id", "right_id", "verdict", "actor", "at")
        read_only_fields = ("id", "actor", "at")


class UnmergeSerializer(serializers.Serializer[Any]):
    """Which records of a profile are somebody else."""

    profile_id = serializers.UUIDField()
    records = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)


class DecidedSerializer(serializers.Serializer[Any]):
    """What came of a decision. `refused`: links that are not followed, by reason."""

    merges = serializers.ListField(child=serializers.UUIDField())
    profiles = serializers.ListField(child=serializers.UUIDField())
    refused = serializers.DictField(child=serializers.IntegerField())
