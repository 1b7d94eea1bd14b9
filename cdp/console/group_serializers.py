"""The shapes of the doors of groups, for checking what comes in and for the API's description."""

from typing import Any

from rest_framework import serializers

Plain = serializers.Serializer[Any]


class GroupItemSerializer(Plain):
    """A group in a list: its facts, which need not be opened."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    members = serializers.IntegerField(help_text="How many people, also those who are not listed")
    last_seen = serializers.DateTimeField(allow_null=True, help_text="The last group call of a member")
    facts = serializers.DictField(help_text="Golden facts: path -> value")


class GroupProvenanceSerializer(Plain):
    """Where a value comes from."""

    source = serializers.CharField()  # type: ignore[assignment]
    rule = serializers.CharField(help_text="The rule of survivorship that chose it")
    at = serializers.DateTimeField(help_text="When it was said")


class GroupSerializer(Plain):
    """A company, household or team."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="The groupId as sent; masked, unless the key may reveal")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    members = serializers.IntegerField(help_text="How many people, also those who are not listed")
    last_seen = serializers.DateTimeField(allow_null=True)
    open = serializers.BooleanField(help_text="Whether identifying values stand in clear here")
    traits = serializers.DictField(
        help_text="Path -> value; undeclared traits are one entry, unless the key may reveal"
    )
    classes = serializers.DictField(
        child=serializers.ChoiceField(choices=["identifying", "fact", "undeclared"]), help_text="Path -> class of data"
    )
    provenance = serializers.DictField(
        child=GroupProvenanceSerializer(),
        required=False,
        help_text="With expand=provenance: path -> where it comes from",
    )


class FoundGroupSerializer(GroupSerializer):
    """A group that was looked up."""

    also = serializers.ListField(
        child=serializers.UUIDField(), help_text="Groups of the same id in other namespaces of sources"
    )


class GroupLookupSerializer(Plain):
    """A group id, as group calls send it."""

    id = serializers.CharField(max_length=500)


class GroupMemberSerializer(Plain):
    """A person who belongs to a group."""

    profile = serializers.UUIDField()
    first_seen = serializers.DateTimeField(help_text="The first group call that said so")
    last_seen = serializers.DateTimeField(help_text="The last one")
    records = serializers.ListField(child=serializers.UUIDField(), help_text="The person's records that say so")


class GroupOfProfileSerializer(Plain):
    """A group that a person belongs to."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="What it is called: masked, unless the name is declared a fact")
    facts = serializers.DictField(help_text="Golden facts: path -> value")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
