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


class ConstraintSerializer(serializers.ModelSerializer[Constraint]):
    """What a person decided about two records."""

    class Meta:
        model = Constraint
        fields = ("id", "left_id", "right_id", "verdict", "actor", "at")
        read_only_fields = ("id", "actor", "at")


class DryRunSerializer(serializers.Serializer[Any]):
    """Only say what would happen?"""

    dry_run = serializers.BooleanField(default=False, help_text="Only say what would happen; change nothing")


@example(
    {
        "left_id": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f",
        "right_id": "019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60",
        "verdict": "cannot_link",
    }
)
class DecideSerializer(DryRunSerializer):
    """A decision about two records."""

    left_id = serializers.UUIDField()
    right_id = serializers.UUIDField()
    verdict = serializers.ChoiceField(Constraint.Verdict.values)


@example({"profile_id": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f", "other_id": "019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60"})
class SamePersonSerializer(DryRunSerializer):
    """Two profiles that are one person."""

    profile_id = serializers.UUIDField()
    other_id = serializers.UUIDField()


@example({"profile_id": "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f", "records": ["019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60"]})
class UnmergeSerializer(DryRunSerializer):
    """Which records of a profile are somebody else."""

    profile_id = serializers.UUIDField()
    records = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)


class WouldBeSerializer(serializers.Serializer[Any]):
    """A profile as it would be. `id` null: a new one. `traits`: declared attributes whose golden value would be another."""

    id = serializers.UUIDField(allow_null=True)
    records = serializers.ListField(child=serializers.UUIDField())
    came = serializers.ListField(child=serializers.UUIDField())
    left = serializers.ListField(child=serializers.UUIDField())
    traits = serializers.ListField(child=serializers.CharField())


class DecidedSerializer(serializers.Serializer[Any]):
    """What came of a decision. `refused`: links that are not followed, by reason. `would`: of a dry run, the profiles that would
    be other than they are."""

    merges = serializers.ListField(child=serializers.UUIDField())
    profiles = serializers.ListField(child=serializers.UUIDField())
    refused = serializers.DictField(child=serializers.IntegerField())
    would = WouldBeSerializer(many=True, required=False)
