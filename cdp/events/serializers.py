"""What REST shows of events: counts and reasons, never what was sent."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from cdp.events.models import Rejection
from cdp.events.replay import LIMIT
from cdp.events.shape import REASONS


class ReconciliationSerializer(serializers.Serializer[Any]):
    """`accepted = stored + duplicates + rejected + suppressed + denied + pending`."""

    accepted = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = serializers.IntegerField()
    suppressed = serializers.IntegerField()
    denied = serializers.IntegerField()
    pending = serializers.IntegerField()


class RejectionSerializer(serializers.ModelSerializer[Rejection]):
    """An event that could not be taken."""

    message = serializers.SerializerMethodField(help_text="What the reason means.")

    class Meta:
        model = Rejection
        fields = ["id", "reason", "message", "field", "at", "expires_at", "replayed_at"]

    def get_message(self, rejection: Rejection) -> str:
        """The reason in words."""
        return REASONS.get(rejection.reason, "")


@example({"ids": ["019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f"]})
class ReplaySerializer(serializers.Serializer[Any]):
    """Which rejections to offer again."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=LIMIT)


class ReplayedSerializer(serializers.Serializer[Any]):
    """What became of them."""

    offered = serializers.IntegerField()
    taken = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    refused = serializers.DictField(child=serializers.CharField(), help_text="Rejection id to reason.")
