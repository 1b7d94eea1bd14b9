"""The catalogue in REST."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from cdp.catalogue.identifiers import KINDS
from cdp.catalogue.models import Field
from cdp.catalogue.snapshot import FieldInfo


class FieldSerializer(serializers.Serializer[FieldInfo]):
    """A declaration: what a name of a scope means."""

    scope = serializers.CharField()
    name = serializers.CharField()
    type = serializers.CharField()
    data_class = serializers.CharField()
    identifier = serializers.CharField()
    purposes = serializers.ListField(child=serializers.CharField())
    builtin = serializers.BooleanField()


@example({"scope": "trait", "name": "plan", "type": "text", "data_class": "fact"})
class DeclarationSerializer(serializers.Serializer[Any]):
    """What to declare. An event's name: scope `event`, type `name`, class `fact`."""

    scope = serializers.ChoiceField(choices=Field.Scope.choices)
    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(choices=Field.Type.choices)
    data_class = serializers.ChoiceField(choices=["fact", "identifying"])
    identifier = serializers.ChoiceField(choices=list(KINDS), required=False, allow_blank=True, default="")
    purposes = serializers.ListField(child=serializers.SlugField(), required=False, default=list)


class SuggestedSerializer(serializers.Serializer[Any]):
    """A key that came and is not declared, with a suggestion and why. `name` only for who may see it."""

    id = serializers.UUIDField()
    scope = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    seen = serializers.IntegerField()
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    suggested_class = serializers.CharField()
    suggested_type = serializers.CharField()
    because = serializers.CharField()
