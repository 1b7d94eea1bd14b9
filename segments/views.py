"""REST: segments/, their members, size, history and why; preview and the rule language's schema."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.masking import rounded
from cdp.access.objects import may, visible
from cdp.access.pagination import LIST_PARAMETERS
from cdp.access.problems import FieldError, Problem
from cdp.access.query import moment
from cdp.access.rest import Page, View, ViewSet, actor_of, answer, audited, conditional, sees_rounded, tagged
from consent.permits import permits_profiles
from segments import reads
from segments.define import StaleVersion, change, define, remove
from segments.models import Segment
from segments.preview import Estimate, Preview, preview
from segments.rules import SCHEMA, InvalidRule
from segments.serializers import (
    ChangeSerializer,
    MemberSerializer,
    PastMembersSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    SegmentSerializer,
    SizeSerializer,
    WhySerializer,
)

_PAGE = [OpenApiParameter(it["name"], it["schema"], description=it["description"]) for it in LIST_PARAMETERS]


def _problem(error: InvalidRule) -> Problem:
    def place(path: str) -> str:
        return path if path in {"key", "purpose"} else f"rule.{path}" if path else "rule"

    errors = [FieldError(place(it.path), it.problem, it.remedy) for it in error.faults]
    return Problem(400, "invalid_rule", "The segment cannot be used", "See errors for each place.", errors=errors)


def _changed() -> Problem:
    return Problem(412, "changed_meanwhile", "It has changed meanwhile", remedy="Read it again and repeat the change.")


class SegmentFilter(Filter):
    """Which segments."""

    key = serializers.CharField(required=False, max_length=60)
    name = serializers.CharField(required=False, max_length=120, source="name__icontains", help_text="A part of it")
    kind = serializers.ChoiceField(Segment.Kind.values, required=False)
    purpose = serializers.CharField(required=False, max_length=60)
    enabled = serializers.BooleanField(required=False)


class MemberFilter(Filter):
    """Which members."""

    since = Moment(help_text="Only those who entered at or after this time")


@extend_schema_view(list=extend_schema(parameters=[SegmentFilter]))
class SegmentViewSet(ListModelMixin, ViewSet):
    """Segments."""

    scopes = {"GET": "segments:read", "POST": "segments:write", "PATCH": "segments:write", "DELETE": "segments:write"}
    serializer_class = SegmentSerializer
    queryset = Segment.objects.all()
    cursor_ordering = ("key",)
    versioned = True

    def get_queryset(self) -> Any:
        """Those the reader may see."""
        return visible(self.request.user, super().get_queryset(), "view_segment")

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        return queryset.filter(**SegmentFilter.of(self.request)) if self.action == "list" else queryset

    def _get(self, perm: str = "") -> Segment:
        segment: Segment = self.get_object()
        if perm and not may(self.request.user, perm, segment):
            raise Problem(403, "forbidden", "Not allowed", "You may see this segment but not change it.")
        return segment

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One segment."""
        segment = self._get()
        version = f"{segment.pk}:{segment.version}:{segment.built_at}"
        return conditional(request, version) or tagged(Response(SegmentSerializer(segment).data), version)

    @extend_schema(request=SegmentSerializer, responses={201: SegmentSerializer})
    def create(self, request: Request) -> Response:
        """Makes a segment and builds its members: at once on a small base, else in the background."""
        if not request.user.is_authenticated or not may(request.user, "add_segment", Segment()):
            raise Problem(403, "forbidden", "Not allowed", "You may not make segments.")
        asked = SegmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        try:
            segment = define(values.pop("name"), values.pop("rule"), by=actor_of(request), at=timezone.now(), **values)
        except InvalidRule as error:
            raise _problem(error) from None
        return Response(SegmentSerializer(segment).data, status=201)

    @extend_schema(request=ChangeSerializer, responses=SegmentSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Changes a segment; send the ETag in If-Match so as not to overwrite another's change."""
        segment = self._get("change_segment")
        conditional(request, f"{segment.pk}:{segment.version}:{segment.built_at}")
        asked = ChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            changed = change(
                segment.pk, by=actor_of(request), at=timezone.now(), version=segment.version, **asked.validated_data
            )
        except InvalidRule as error:
            raise _problem(error) from None
        except StaleVersion:
            raise _changed() from None
        return tagged(Response(SegmentSerializer(changed).data), f"{changed.pk}:{changed.version}:{changed.built_at}")

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Deletes a segment; its members leave it, its history stays."""
        segment = self._get("delete_segment")
        conditional(request, f"{segment.pk}:{segment.version}:{segment.built_at}")
        try:
            remove(segment.pk, by=actor_of(request), at=timezone.now(), version=segment.version)
        except InvalidRule as error:
            raise _problem(error) from None
        except StaleVersion:
            raise _changed() from None
        return Response(status=204)

    @extend_schema(parameters=[*_PAGE, MemberFilter], responses=MemberSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def members(self, request: Request, pk: UUID) -> Response:
        """Who is in it now: those with permission for the segment's purpose. `size/` counts the others."""
        segment = self._get()
        _persons_only(request)
        page: Page[reads.Member] = Page.of(request, f"segment:{segment.pk}")
        after = page.after[0] if page.after else None
        since = MemberFilter.of(request).get("since")
        found = reads.members(segment, timezone.now(), since=since, after=after, limit=page.fetch)
        shown, following = page.cut(found, key=lambda it: (it.profile_id,))
        _told(request, "segment.members", segment, len(shown))
        return answer(list(MemberSerializer(shown, many=True).data), following)

    @extend_schema(responses=SizeSerializer)
    @action(detail=True)
    def size(self, request: Request, pk: UUID) -> Response:
        """How many people are in it now; rounded for those who see rounded counts."""
        return Response(_size(request, reads.size(self._get(), timezone.now())))

    @extend_schema(
        parameters=[*_PAGE, OpenApiParameter("at", OpenApiTypes.DATETIME, required=True)],
        responses=PastMembersSerializer,
    )
    @action(detail=True, pagination_class=None)
    def history(self, request: Request, pk: UUID) -> Response:
        """Who was in it at a moment of the past. Whether they may be listed is asked as of now."""
        segment, on, now = self._get(), _moment(request), timezone.now()
        counts = _size(request, reads.past_size(segment, on, now=now))
        if sees_rounded(request):
            return Response({"at": on, **counts, "results": [], "next": None})
        page: Page[reads.Member] = Page.of(request, f"segment-history:{segment.pk}")
        after = page.after[0] if page.after else None
        found = reads.past_members(segment, on, now=now, after=after, limit=page.fetch)
        shown, following = page.cut(found, key=lambda it: (it.profile_id,))
        _told(request, "segment.history", segment, len(shown))
        return Response({"at": on, **counts, "results": MemberSerializer(shown, many=True).data, "next": following})


class WhyView(View):
    """Why a person is in a segment, or is not."""

    scopes = {"GET": "profiles:read"}

    @extend_schema(responses=WhySerializer)
    def get(self, request: Request, segment_id: UUID, profile_id: UUID) -> Response:
        """The rule's tree with each condition's value and evidence. Refused without permission for the purpose."""
        _persons_only(request)
        segment = visible(request.user, Segment.objects.filter(pk=segment_id), "view_segment").first()
        now = timezone.now()
        found = reads.why(segment, profile_id, now) if segment else None
        if segment is None or found is None:
            raise Http404
        decision = permits_profiles([profile_id], segment.purpose, at=now)[profile_id]
        if not decision.allowed:
            raise Problem(403, "withheld", "Not permitted for the segment's purpose", decision.because)
        audited(request, "segment.why", object=("segment", segment.pk), subjects=[profile_id], purpose=segment.purpose)
        return Response(found.as_json())


class PreviewView(View):
    """What a rule would give, before it is saved."""

    scopes = {"POST": "segments:write"}
    changes = False

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        """The size of a rule (from a sample with its error above 100,000 people), of its parts, and some ids."""
        asked = PreviewRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            found = preview(asked.validated_data["rule"], timezone.now(), purpose=asked.validated_data["purpose"])
        except InvalidRule as error:
            raise _problem(error) from None
        return Response(asdict(_rounded(found) if sees_rounded(request) else found))


class SchemaView(View):
    """The rule language."""

    scopes = {"GET": "segments:read"}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """The JSON Schema (2020-12) of a rule."""
        return Response(SCHEMA)


def _persons_only(request: Request) -> None:
    if sees_rounded(request):
        raise Problem(403, "forbidden", "Not allowed", "Your role sees counts, not people.")


def _told(request: Request, verb: str, segment: Segment, rows: int) -> None:
    audited(request, verb, object=("segment", segment.pk), rows=rows, purpose=segment.purpose)


def _size(request: Request, size: reads.Size) -> Mapping[str, int]:
    counts = asdict(size)
    return {name: rounded(count) for name, count in counts.items()} if sees_rounded(request) else counts


def _rounded(found: Preview) -> Preview:
    def coarse(it: Estimate) -> Estimate:
        return Estimate(rounded(it.count), it.error)

    parts = tuple(replace(part, size=coarse(part.size)) for part in found.parts)
    return replace(
        found,
        population=rounded(found.population),
        size=coarse(found.size),
        listed=coarse(found.listed),
        withheld=coarse(found.withheld),
        parts=parts,
        sample=(),
    )


def _moment(request: Request) -> datetime:
    found = moment(request, "at")
    if found is None:
        raise Problem(400, "required", "The moment is missing", field="at", remedy="Send at=2026-03-01T00:00:00Z.")
    return found
