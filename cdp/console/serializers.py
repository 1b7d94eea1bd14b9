"""The shapes of the profile doors, for checking what comes in and for the API's description."""

from typing import Any

from rest_framework import serializers

from cdp.access.examples import example
from cdp.catalogue.identifiers import KINDS
from cdp.console.reveal import SHORTEST_REASON
from identity import manual

Plain = serializers.Serializer[Any]
MOST = 100  # people in one request


class ProfileItemSerializer(Plain):
    """A profile in a list: its facts, which need not be opened. Identifying traits are in the profile itself."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(required=False)
    records = serializers.IntegerField(required=False, help_text="How many records it is made of")
    created_at = serializers.DateTimeField(required=False)
    updated_at = serializers.DateTimeField(required=False)
    facts = serializers.DictField(required=False, help_text="Golden facts: path -> value")


class IdentifierSerializer(Plain):
    """One identifier."""

    kind = serializers.ChoiceField(choices=sorted(KINDS))
    value = serializers.CharField(help_text="Masked, unless the key may reveal")
    first_seen = serializers.DateTimeField()
    records = serializers.ListField(child=serializers.UUIDField())
    retired = serializers.ChoiceField(
        choices=["junk", "shared"], allow_null=True, help_text="Why it links nobody; null: it does"
    )


class ProvenanceSerializer(Plain):
    """Where a golden value comes from."""

    record = serializers.UUIDField()
    source = serializers.CharField(help_text="`steward`: typed by hand, and kept with this record")  # type: ignore[assignment]
    rule = serializers.CharField(help_text="The step of the attribute's rule that decided; `manual`: typed by hand")
    at = serializers.DateTimeField(help_text="When it was observed, or typed")
    records = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Of a union of several records: all of them"
    )


class RecordSerializer(Plain):
    """What one source says of one external id."""

    id = serializers.UUIDField()
    source = serializers.CharField()  # type: ignore[assignment]
    key_kind = serializers.CharField()
    key = serializers.CharField()
    first_seen = serializers.DateTimeField()
    traits = serializers.DictField()


class MembershipSerializer(Plain):
    """A segment that a person is in."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    entered_at = serializers.DateTimeField(allow_null=True)
    flips_at = serializers.DateTimeField(allow_null=True, help_text="When time alone may end it")


class PermissionSerializer(Plain):
    """Whether a purpose is permitted."""

    purpose = serializers.CharField()
    allowed = serializers.BooleanField()
    because = serializers.CharField(help_text="A stable code, a colon, words")
    entries = serializers.ListField(child=serializers.UUIDField(), help_text="Of the ledger: those that decide")


class BelongingSerializer(Plain):
    """A group that a person belongs to."""

    id = serializers.UUIDField()
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()


class ExpandedSerializer(Plain):
    """What `expand` adds."""

    consents = PermissionSerializer(many=True, required=False, help_text="With expand=consents: for every purpose")
    record_list = RecordSerializer(many=True, required=False, help_text="With expand=records")
    segment_list = MembershipSerializer(many=True, required=False, help_text="With expand=segments")


class ListedProfileSerializer(ExpandedSerializer, ProfileItemSerializer):
    """A profile in a list, with what `expand` adds. With `fields` only the members asked for are there."""


class ProfileSerializer(ExpandedSerializer):
    """A golden record. With `fields` only the id and the members asked for are there."""

    id = serializers.UUIDField()
    redirected_from = serializers.UUIDField(
        allow_null=True, required=False, help_text="The id asked for, if it was merged into this one"
    )
    version = serializers.IntegerField(required=False)
    created_at = serializers.DateTimeField(required=False)
    updated_at = serializers.DateTimeField(required=False)
    records = serializers.IntegerField(required=False)
    open = serializers.BooleanField(required=False, help_text="Whether identifying values stand in clear here")
    traits = serializers.DictField(
        required=False, help_text="Path -> value; undeclared traits are one entry, unless the key may reveal"
    )
    classes = serializers.DictField(
        child=serializers.ChoiceField(choices=["identifying", "fact", "undeclared"]),
        required=False,
        help_text="Path -> class of data",
    )
    identifiers = IdentifierSerializer(many=True, required=False)
    segments = serializers.ListField(child=serializers.CharField(), required=False, help_text="Keys")
    segments_withheld = serializers.IntegerField(
        required=False, help_text="Segments whose purpose this person does not permit"
    )
    provenance = serializers.DictField(
        child=ProvenanceSerializer(), required=False, help_text="With expand=provenance: path -> where it comes from"
    )
    groups = BelongingSerializer(many=True, required=False, help_text="With expand=groups")


class FoundProfileSerializer(ProfileSerializer):
    """A profile that was looked up."""

    also = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Other profiles that hold the same identifier, such as a family's phone",
    )


class AskedIdentifierSerializer(Plain):
    """An identifier to look up."""

    kind = serializers.ChoiceField(choices=sorted(KINDS))
    value = serializers.CharField(max_length=500, trim_whitespace=True)


@example({"kind": "email", "value": "alice@example.com"})
class LookupSerializer(Plain):
    """One of three: `kind` and `value`; `identifiers` of one person, tried in order until one is known; `lookups` of many
    people, each answered."""

    kind = serializers.ChoiceField(choices=sorted(KINDS), required=False)
    value = serializers.CharField(max_length=500, required=False)
    identifiers = serializers.ListField(child=AskedIdentifierSerializer(), required=False, min_length=1, max_length=20)
    lookups = serializers.ListField(child=AskedIdentifierSerializer(), required=False, min_length=1, max_length=MOST)
    region = serializers.RegexField(
        "^[A-Za-z]{2}$",
        required=False,
        help_text="How a phone number without country code is read (default: as the sources do)",
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One of the three ways."""
        ways = ("kind" in asked and "value" in asked, "identifiers" in asked, "lookups" in asked)
        if sum(ways) != 1 or ("kind" in asked) != ("value" in asked):
            raise serializers.ValidationError("Send kind and value, or identifiers, or lookups.")
        return asked


@example({"ids": ["019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f", "019c2f6e-6c2b-7d4e-9f50-1b2c3d4e5f60"]})
class BulkSerializer(Plain):
    """Which profiles."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST)


class RefusedSerializer(Plain):
    """Why somebody is not shown."""

    code = serializers.ChoiceField(choices=["not_permitted"])
    detail = serializers.CharField(help_text="The decision: a stable code, a colon, words")


class FoundSerializer(Plain):
    """One result: `profile`, or why it is `refused`."""

    profile = ProfileSerializer(allow_null=True)
    also = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Other profiles that hold the same identifier, such as a family's phone",
    )
    refused = RefusedSerializer(allow_null=True)


class FoundProfilesSerializer(Plain):
    """The results, in the order in which they were asked for; null: nobody."""

    results = serializers.ListField(child=FoundSerializer(allow_null=True))


class MembershipsSerializer(Plain):
    """The segments of a person."""

    results = MembershipSerializer(many=True)
    withheld = serializers.IntegerField(help_text="Segments whose purpose this person does not permit")


class TimelineEventSerializer(Plain):
    """An event."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    name = serializers.CharField(allow_null=True)
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    record = serializers.UUIDField()
    properties = serializers.DictField(help_text="Facts in clear, the rest masked unless the key may reveal")
    context = serializers.DictField()  # type: ignore[assignment]
    wire = serializers.DictField(required=False, help_text="The other fields as sent; only in clear")


class CandidateSerializer(Plain):
    """What one record says of a trait."""

    record = serializers.UUIDField()
    source = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField()
    at = serializers.DateTimeField()
    survives = serializers.BooleanField(help_text="Whether it stands, alone or as part of a union")


class TraitProvenanceSerializer(ProvenanceSerializer):
    """A trait, why its value stands, and what else was said."""

    trait = serializers.CharField()
    value = serializers.JSONField()
    candidates = CandidateSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """With `class`, which Python has no attribute for."""
        kind = serializers.ChoiceField(choices=["identifying", "fact", "undeclared"])
        return {"class": kind, **super().get_fields()}


class LedgerEntrySerializer(Plain):
    """A line of the ledger about this person."""

    id = serializers.UUIDField()
    purpose = serializers.CharField()
    status = serializers.CharField()
    decides = serializers.BooleanField(help_text="Whether the answer rests on it")
    basis = serializers.CharField()
    effective_from = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    notice_version = serializers.CharField()
    channel = serializers.CharField()
    method = serializers.CharField()
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class PurposeConsentSerializer(Plain):
    """What one purpose is permitted."""

    purpose = serializers.CharField()
    name = serializers.CharField()
    basis = serializers.CharField()
    allowed = serializers.BooleanField()
    because = serializers.CharField(help_text="A stable code, a colon, words")
    entries = LedgerEntrySerializer(many=True)


@example({"traits": {"firstName": "Alice", "lastName": None}, "reason": "Customer corrected it, ticket 4711"})
class CorrectionSerializer(Plain):
    """Values to type, and why."""

    traits = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        allow_empty=False,
        help_text="Declared attributes and their values; null withdraws what was typed",
    )
    reason = serializers.CharField(
        min_length=manual.SHORTEST_REASON, max_length=2000, help_text="Kept sealed in the audit trail"
    )


class CorrectedSerializer(Plain):
    """What came of it."""

    id = serializers.UUIDField(help_text="The profile that answers for the id asked for")
    changed = serializers.ListField(
        child=serializers.CharField(), help_text="Attributes whose typed value is another now"
    )


@example({"purpose": "operate", "reason": "Answering ticket 4711"})
class RevealSerializer(Plain):
    """Why identifying values are to be opened."""

    purpose = serializers.SlugField(max_length=60)
    reason = serializers.CharField(min_length=SHORTEST_REASON, max_length=2000)


class RevealedSerializer(Plain):
    """Until when."""

    until = serializers.DateTimeField()
