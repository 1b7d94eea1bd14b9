"""REST: profiles/ and what lies below each of them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.middleware import request_id_of
from cdp.access.objects import visible
from cdp.access.problems import Problem
from cdp.access.query import moment
from cdp.access.rendering import as_json
from cdp.access.rest import (
    Forbidden,
    GenericView,
    View,
    actor_of,
    audited,
    conditional,
    etag_of,
    purpose_of,
    sources_of,
)
from cdp.console import answers, gate, selection
from cdp.console.answers import Answer
from cdp.console.selection import LISTED, LISTED_MEMBERS, Asked
from cdp.console.serializers import (
    CorrectedSerializer,
    CorrectionSerializer,
    ListedProfileSerializer,
    MembershipsSerializer,
    ProfileItemSerializer,
    ProfileSerializer,
)
from consent.permits import permitted_sql
from identity import manual
from identity.models import Profile, Record
from identity.strategies import MANUAL
from segments.models import Segment
from segments.reads import current_sql

_PAGING = {"limit", "cursor"}


def only_known(request: Request, *names: str) -> None:
    """Refuses a query parameter that nothing reads: a filter that is left out would answer more than was asked for."""
    for name in request.query_params:
        if name not in names:
            remedy = f"Use {', '.join(names)}." if names else "Leave it out."
            raise Problem(400, "unknown_filter", "There is no such parameter", field="query", remedy=remedy)


_TIMES = {
    "updated_since": "updated_at__gte",
    "updated_before": "updated_at__lt",
    "created_since": "created_at__gte",
    "created_before": "created_at__lt",
}


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
            OpenApiParameter(
                "updated_before", OpenApiTypes.DATETIME, description="Only those changed before this time"
            ),
            OpenApiParameter(
                "created_since", OpenApiTypes.DATETIME, description="Only those made at or after this time"
            ),
            OpenApiParameter("created_before", OpenApiTypes.DATETIME, description="Only those made before this time"),
            *selection.parameters(LISTED, LISTED_MEMBERS),
        ],
        responses=ListedProfileSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Profiles with their facts. People who do not permit the reader's purpose are not listed."""
        only_known(request, "segment", *_TIMES, "expand", "fields", *_PAGING)
        now, asked = timezone.now(), selection.of(request, expand=LISTED, members=LISTED_MEMBERS)
        rows = permitted(Profile.objects.all(), purpose_of(request), at=now)
        rows = within(rows, sources_of(request))
        for name, condition in _TIMES.items():
            at = moment(request, name)
            rows = rows if at is None else rows.filter(**{condition: at})
        if request.query_params.get("segment"):
            rows = members(rows, request, request.query_params["segment"], at=now)
        page: list[Profile] = self.paginate_queryset(rows) or []
        only_of(page, sources_of(request))
        answer = listed(request, page, asked, at=now)
        audited(
            request,
            "profile.list",
            object=("profile", ""),
            subjects=answer.subjects,
            fields=sorted(answer.fields),
            rows=len(page),
            details={"filters": sorted(set(request.query_params) - _PAGING)},
        )
        return self.get_paginated_response(answer.content)


def listed(request: Request, page: Collection[Profile], asked: Asked, *, at: datetime) -> Answer:
    """The items of a list: what its rows hold, and what was asked to be expanded, read for all of them at once."""
    found = Answer([], {path for row in page for path in row.facts} if asked.wants("facts") else set())
    people = gate.admit(request, [row.id for row in page], at=at, revealed=False) if asked.expand else {}
    for row in page:
        item = asked.cut(dict(ProfileItemSerializer(row).data))
        person = people.get(row.id)
        if isinstance(person, gate.Person):
            item |= found.join(answers.expanded(person, asked))
        found.content.append(item)
    return found


def only_of(page: list[Profile], only: frozenset[UUID] | None) -> None:
    """Takes out of the facts of these profiles what other sources said, in memory."""
    if only is None:
        return
    ids = [row.id for row in page]
    own = {str(id) for id in Record.objects.filter(profile_id__in=ids, source_id__in=only).values_list("id", flat=True)}
    for row in page:
        why = row.provenance
        row.facts = {path: value for path, value in row.facts.items() if _is_of(why.get(path, {}), own)}


def _is_of(why: dict[str, Any], own: set[str]) -> bool:
    """Did these records alone say it? What a steward typed is nobody's record, though it is kept with one."""
    return why.get("rule") != MANUAL and own >= set(why.get("records") or [why.get("record")])


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

    scopes = {"GET": "profiles:read", "PATCH": "profiles:write"}
    versioned = True

    @extend_schema(operation_id="profiles_retrieve", parameters=selection.parameters(), responses=ProfileSerializer)
    def get(self, request: Request, profile_id: UUID) -> HttpResponseBase:
        """The golden record, with identifiers and segments. An id that was merged away answers with the survivor: its `id`,
        `redirected_from` and the header Content-Location say so."""
        only_known(request, "expand", "fields")
        return shown(request, profile_id, selection.of(request))

    @extend_schema(operation_id="profiles_correct", request=CorrectionSerializer, responses=CorrectedSerializer)
    def patch(self, request: Request, profile_id: UUID) -> Response:
        """Types values that outweigh what sources say, until they are withdrawn (null). What is not named stays as it is; an
        object is typed whole. Typed values go with the profile's id through merges and splits, and link nobody."""
        only_known(request)
        return correct(request, profile_id)


def correct(request: Request, profile_id: UUID) -> Response:
    """Permission, and the verb, which asks for the precondition once nobody else can change people."""
    if sources_of(request) is not None:
        raise Forbidden("This key is limited to some sources, and what is typed stands above all of them.")
    at = timezone.now()
    person = gate.enter(request, profile_id, at=at)

    def still() -> None:
        """The precondition, on the person as they are by then."""
        now = gate.admit(request, [profile_id], at=timezone.now()).get(profile_id)
        conditional(request, as_json(answers.profile(now).content) if isinstance(now, gate.Person) else b"")

    asked = CorrectionSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    try:
        done = manual.correct(
            person.id, asked.validated_data["traits"], reason=asked.validated_data["reason"], by=actor_of(request), at=at,
            purpose=person.purpose, request_id=request_id_of(request), still=still if "If-Match" in request.headers else None,
        )  # fmt: skip
    except manual.InvalidValue as error:
        field = "reason" if error.path == "reason" else f"traits.{error.path}" if error.path else "traits"
        raise Problem(400, "invalid", "This value cannot be typed", field=field, remedy=str(error)) from None
    except manual.NobodyThere:
        raise Http404 from None
    return Response({"id": done.profile_id, "changed": list(done.traits)})


def shown(request: Request, profile_id: UUID, asked: Asked, **more: Any) -> HttpResponseBase:
    """The answer with a profile: permission, content, ETag, audit entry.

    The ETag is of the content: what it shows can change without the profile's version (a membership by time, a declaration,
    an identifier more)."""
    person = gate.enter(request, profile_id, at=timezone.now())
    answer = answers.profile(person, asked)
    content = as_json({**answer.content, **more})
    unchanged = conditional(request, content)
    if unchanged is not None:
        return unchanged
    gate.note(request, person, fields=answer.fields, subjects=answer.subjects)
    headers = {"ETag": etag_of(content), "Content-Location": f"/api/v1/profiles/{person.id}/"}
    return HttpResponse(content, content_type="application/json", headers=headers)


class ProfileSegmentsView(View):
    """The segments of a person."""

    scopes = "profiles:read"

    @extend_schema(operation_id="profiles_segments", responses=MembershipsSerializer)
    def get(self, request: Request, profile_id: UUID) -> Response:
        """The segments that the person is in now, as far as the person permits each one's purpose."""
        only_known(request)
        person = gate.enter(request, profile_id, at=timezone.now())
        gate.note(request, person, fields={"segments"})
        results = answers.memberships(person).content
        return Response({"results": results, "withheld": person.belongings.withheld, "next": None})
