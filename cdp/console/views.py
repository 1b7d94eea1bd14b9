"""REST: profiles/ and what lies below each of them."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.objects import visible
from cdp.access.problems import Problem
from cdp.access.rest import GenericView, View, audited, conditional, purpose_of, sources_of, tagged
from cdp.console import answers, gate
from cdp.console.belonging import segments_of
from cdp.console.serializers import (
    FoundProfileSerializer,
    LookupSerializer,
    MembershipsSerializer,
    ProfileItemSerializer,
    ProfileSerializer,
)
from consent.permits import permitted_sql
from identity.models import Profile, Record
from identity.profiles import find
from segments.models import Segment
from segments.reads import current_sql

EXPANSIONS = frozenset({"provenance", "records"})
_PAGING = {"limit", "cursor"}
EXPAND = OpenApiParameter("expand", str, description="Comma-separated: provenance, records")


def only_known(request: Request, *names: str) -> None:
    """Refuses a query parameter that nothing reads: a filter that is left out would answer more than was asked for."""
    for name in request.query_params:
        if name not in names:
            remedy = f"Use {', '.join(names)}." if names else "Leave it out."
            raise Problem(400, "unknown_filter", "There is no such parameter", field="query", remedy=remedy)


def moment(request: Request, name: str) -> datetime | None:
    """A time from the query. Raises a 400 Problem."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(400, "invalid", "This is no time", field=name, remedy="Send ISO 8601 with a zone, such as Z.")
    return found


def expansions(request: Request) -> frozenset[str]:
    """What `?expand=` asks for. Raises a 400 Problem."""
    asked = frozenset(filter(None, request.query_params.get("expand", "").split(",")))
    if not asked <= EXPANSIONS:
        raise Problem(
            400, "invalid", "This cannot be expanded", field="expand", remedy=f"Use {', '.join(sorted(EXPANSIONS))}."
        )
    return asked


class ProfilesView(GenericView):
    """Profiles, newest first."""

    scopes = "profiles:read"
    queryset = Profile.objects.all()
    serializer_class = ProfileItemSerializer

    @extend_schema(
        operation_id="profiles_list",
        parameters=[
            OpenApiParameter("segment", str, description="Key of a segment: only its members"),
            OpenApiParameter(
                "updated_since", OpenApiTypes.DATETIME, description="Only those changed at or after this time"
            ),
        ],
        responses=ProfileItemSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Profiles with their facts. People who do not permit the reader's purpose are not listed."""
        only_known(request, "segment", "updated_since", *_PAGING)
        now = timezone.now()
        rows = permitted(Profile.objects.all(), purpose_of(request), at=now)
        rows = within(rows, sources_of(request))
        since = moment(request, "updated_since")
        if since is not None:
            rows = rows.filter(updated_at__gte=since)
        if request.query_params.get("segment"):
            rows = members(rows, request, request.query_params["segment"], at=now)
        page: list[Profile] = self.paginate_queryset(rows) or []
        only_of(page, sources_of(request))
        audited(
            request,
            "profile.list",
            object=("profile", ""),
            fields=sorted({path for row in page for path in row.facts}),
            rows=len(page),
            details={"filters": sorted(set(request.query_params) - _PAGING)},
        )
        return self.get_paginated_response(ProfileItemSerializer(page, many=True).data)


def only_of(page: list[Profile], only: frozenset[UUID] | None) -> None:
    """Takes out of the facts of these profiles what other sources said, in memory."""
    if only is None:
        return
    ids = [row.id for row in page]
    own = {str(id) for id in Record.objects.filter(profile_id__in=ids, source_id__in=only).values_list("id", flat=True)}
    for row in page:
        why = row.provenance
        row.facts = {path: value for path, value in row.facts.items() if why.get(path, {}).get("record") in own}


def permitted(rows: QuerySet[Profile], purpose: str, *, at: datetime) -> QuerySet[Profile]:
    """Only people who permit a purpose."""
    condition, params = permitted_sql(purpose, at, column="identity_profile.id")
    return rows.filter(RawSQL(condition, params, output_field=BooleanField()))  # noqa: S611 - from consent, with parameters


def within(rows: QuerySet[Profile], only: frozenset[UUID] | None) -> QuerySet[Profile]:
    """Only people with a record of these sources."""
    return rows if only is None else rows.filter(id__in=Record.objects.filter(source_id__in=only).values("profile_id"))


def members(rows: QuerySet[Profile], request: Any, key: str, *, at: datetime) -> QuerySet[Profile]:
    """Only members of a segment who permit its purpose. Raises a 400 Problem for one that the reader cannot see."""
    segment = visible(request.user, Segment.objects.filter(enabled=True), "view_segment").filter(key=key).first()
    if segment is None:
        raise Problem(400, "unknown_segment", "There is no such segment", field="segment", remedy="See segments/.")
    inside, params = current_sql(segment, at)
    condition = f"identity_profile.id IN (SELECT c.profile_id FROM ({inside}) AS c)"
    rows = rows.filter(RawSQL(condition, params, output_field=BooleanField()))  # noqa: S611 - from segments, likewise
    return permitted(rows, segment.purpose, at=at)


class ProfileView(View):
    """One person."""

    scopes = "profiles:read"

    @extend_schema(operation_id="profiles_retrieve", parameters=[EXPAND], responses=ProfileSerializer)
    def get(self, request: Request, profile_id: UUID) -> Response:
        """The golden record, with identifiers and segments. An id that was merged away answers with the survivor: its `id`,
        `redirected_from` and the header Content-Location say so."""
        only_known(request, "expand")
        return shown(request, profile_id, expand=expansions(request))


def shown(request: Request, profile_id: UUID, *, expand: frozenset[str], **more: Any) -> Response:
    """The answer with a profile: permission, content, ETag, audit entry.

    The ETag is of the content: what it shows can change without the profile's version (a membership by time, a declaration,
    an identifier more)."""
    at = timezone.now()
    person = gate.enter(request, profile_id, at=at)
    answer = answers.profile(person, segments_of(person.id, person.decisions, at=at), expand=expand)
    content = {**answer.content, **more}
    unchanged = conditional(request, content)
    if unchanged is not None:
        return unchanged
    gate.note(request, person, fields=answer.fields, subjects=answer.subjects)
    response = tagged(Response(content), content)
    response["Content-Location"] = f"/api/v1/profiles/{person.id}/"
    return response


class LookupView(View):
    """Who has this identifier."""

    scopes = "profiles:read"

    @extend_schema(operation_id="profiles_lookup", request=LookupSerializer, responses=FoundProfileSerializer)
    def post(self, request: Request) -> Response:
        """Finds a profile by e-mail, phone, user id or another identifier. The value stands in the body, never in an
        address, and is not repeated in the answer."""
        asked = LookupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        region = values.get("region", settings.REGION).upper()
        pairs = values.get("identifiers") or [{"kind": values["kind"], "value": values["value"]}]
        for pair in pairs:
            found = reachable(find(pair["kind"], pair["value"], region), sources_of(request))
            if found:
                return shown(request, found[0], expand=frozenset(), also=found[1:])
        audited(
            request,
            "profile.lookup",
            object=("profile", ""),
            rows=0,
            details={"kinds": sorted({pair["kind"] for pair in pairs})},
        )
        raise Problem(404, "not_found", "Nobody is known by this identifier", remedy="Check its kind and spelling.")


def reachable(profile_ids: list[UUID], only: frozenset[UUID] | None) -> list[UUID]:
    """Those of the profiles that are within the limits of the reader's key, in their order."""
    if only is None or not profile_ids:
        return profile_ids
    rows = Record.objects.filter(profile_id__in=profile_ids, source_id__in=only)
    allowed = set(rows.values_list("profile_id", flat=True))
    return [id for id in profile_ids if id in allowed]


class ProfileSegmentsView(View):
    """The segments of a person."""

    scopes = "profiles:read"

    @extend_schema(operation_id="profiles_segments", responses=MembershipsSerializer)
    def get(self, request: Request, profile_id: UUID) -> Response:
        """The segments that the person is in now, as far as the person permits each one's purpose."""
        only_known(request)
        at = timezone.now()
        person = gate.enter(request, profile_id, at=at)
        listed, withheld = segments_of(person.id, person.decisions, at=at)
        gate.note(request, person, fields={"segments"})
        return Response({"results": [asdict(it) for it in listed], "withheld": withheld, "next": None})
