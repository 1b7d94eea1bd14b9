"""Shapes of the questions to stewards in REST: ids, weights and counts only."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from identity.models import Review
from identity.review import MOST
from identity.serializers import DecidedSerializer, DryRunSerializer

_VERDICTS = (Review.State.SAME.value, Review.State.DIFFERENT.value, Review.State.UNSURE.value)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A question: are these two records one person? `left_profile`, `right_profile`: whose they are today. `probability`, `bits`:
    what the model said when it asked."""

    left_profile = serializers.UUIDField(read_only=True, allow_null=True)
    right_profile = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Review
        fields = (
            "id", "left_id", "right_id", "left_profile", "right_profile", "probability", "bits", "reason", "state", "decided_by",
            "decided_at", "batch", "at",
        )  # fmt: skip
        read_only_fields = fields


class BarSerializer(serializers.Serializer[Any]):
    """One step of the waterfall; the first, "prior", is where strangers begin. `rarity_bits`: for how rare the value is."""

    field = serializers.CharField()
    level = serializers.CharField()
    bits = serializers.FloatField()
    rarity_bits = serializers.FloatField()


class SharedSerializer(serializers.Serializer[Any]):
    """A value that links the two by a rule."""

    kind = serializers.CharField()
    bits = serializers.FloatField()


class ExplainedReviewSerializer(ReviewSerializer):
    """A question with its reasons as of now. `waterfall` is empty where no model is in force."""

    waterfall = BarSerializer(many=True)
    weight_bits = serializers.FloatField(allow_null=True)
    model_version = serializers.IntegerField(allow_null=True)
    shared = SharedSerializer(many=True)

    class Meta(ReviewSerializer.Meta):
        fields = (*ReviewSerializer.Meta.fields, "waterfall", "weight_bits", "model_version", "shared")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


@example({"reviews": ["019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f"], "verdict": "different"})
class AnswerSerializer(DryRunSerializer):
    """Answers to questions."""

    reviews = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST)
    verdict = serializers.ChoiceField(_VERDICTS)


class UndoAnswerSerializer(serializers.Serializer[Any]):
    """Which answers to take back: those given together."""

    batch = serializers.UUIDField()


class AnsweredSerializer(DecidedSerializer):
    """What came of answers. `batch` undoes them; `decided`: how many pairs have another answer than before."""

    batch = serializers.UUIDField(allow_null=True)
    decided = serializers.IntegerField()
