"""REST: groups/ with their members, and the groups of a profile."""

import math
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.pagination import LIST_PARAMETERS, Page, answer
from cdp.access.problems import Problem
from cdp.access.query import moment
from cdp.access.rest import Forbidden, GenericView, View, audited, conditional, purpose_of, sources_of, tagged
from cdp.catalogue import snapshot
from cdp.console import gate, group_answers, group_gate
from cdp.console.group_serializers import (
    FoundGroupSerializer,
    GroupItemSerializer,
    GroupLookupSerializer,
    GroupMemberSerializer,
    GroupOfProfileSerializer,
    GroupSerializer,
)
from cdp.console.views import only_known
from cdp.groups import reads
from cdp.groups.models import Group
from cdp.groups.reads import MemberView

_PAGING = [OpenApiParameter(it["name"], it["schema"], description=it["description"]) for it in LIST_PARAMETERS]
_TRAIT = "trait."
_ACME = {
    "id": "019c2f50-8d2c-7b6e-9a11-5a0c0f0e4b21",
    "key": "•••",
    "version": 3,
    "created_at": "2026-01-12T09:30:00Z",
    "updated_at": "2026-03-01T12:00:00Z",
    "members": 42,
    "last_seen": "2026-03-01T12:00:00Z",
    "open": False,
    "traits": {"name": "A•••", "employees": 300, "plan": "enterprise"},
    "classes": {"name": "identifying", "employees": "fact", "plan": "fact"},
}
_EXPAND = OpenApiParameter("expand", str, enum=["provenance"], description="provenance: where each trait comes from")


class GroupsView(GenericView):
    """Groups, newest first."""

    scopes = "groups:read"
    queryset = Group.objects.all()
    serializer_class = GroupItemSerializer

    @extend_schema(
        operation_id="groups_list",
        parameters=[
            OpenApiParameter(
                "trait.PATH",
                str,
                description="Only groups with this value of a declared fact, such as trait.plan=enterprise",
            ),
            OpenApiParameter(
                "updated_since", OpenApiTypes.DATETIME, description="Only those changed at or after this time"
            ),
        ],
        responses=GroupItemSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Companies, households and teams with their facts. A group is listed if one of its members permits the reader's
        purpose."""
        named = [name for name in request.query_params if name.startswith(_TRAIT)]
        only_known(request, "updated_since", "limit", "cursor", *named)
        only = sources_of(request)
        rows = reads.visible(purpose_of(request), timezone.now(), only)
        since = moment(request, "updated_since")
        if since is not None:
            rows = rows.filter(updated_at__gte=since)
        page: list[Group] = self.paginate_queryset(_with_facts(request, rows, named)) or []
        content = group_answers.items(page, only)
        fields = sorted({path for it in content for path in it["facts"]})
        filters = [name for name in request.query_params if name not in ("limit", "cursor")]
        audited(
            request,
            "group.list",
            object=("group", ""),
            fields=fields,
            rows=len(page),
            details={"filters": sorted(filters)},
        )
        return self.get_paginated_response(content)


def _with_facts(request: Request, rows: QuerySet[Group], named: list[str]) -> QuerySet[Group]:
    """Only groups with these facts. Raises a 400 Problem for what is no declared fact or no value of its type."""
    if named and sources_of(request) is not None:
        raise Forbidden("This key is limited to some sources, and facts are what all of them said.")
    for name in named:
        path = name.removeprefix(_TRAIT)
        info = snapshot.current().declared("group", path)
        if info is None or info.data_class != "fact":
            raise Problem(
                400, "unknown_filter", "There is no such fact", field="query",
                remedy="Filter by a trait that is declared a fact of groups: see catalogue/fields/?scope=group.",
            )  # fmt: skip
        rows = rows.filter(facts__contains={path: _value(info.type, request.query_params[name])})
    return rows


def _value(kind: str, text: str) -> Any:
    """What a filter means, by the declared type of its trait. Raises a 400 Problem."""
    if kind == "list":
        return [text]
    if kind not in ("number", "boolean"):
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, bool) if kind == "boolean" else type(value) in (int, float) and math.isfinite(value):
        return value
    raise Problem(400, "invalid", f"This is no {kind}", field="query", remedy=f"Send a {kind}, such as 300 or true.")


def _provenance(request: Request) -> bool:
    """Does `?expand=` ask for it? Raises a 400 Problem."""
    asked = request.query_params.get("expand", "")
    if asked not in ("", "provenance"):
        raise Problem(400, "invalid", "This cannot be expanded", field="expand", remedy="Use provenance.")
    return asked == "provenance"


class GroupView(View):
    """One group."""

    scopes = "groups:read"
    versioned = True

    @extend_schema(
        operation_id="groups_retrieve",
        parameters=[_EXPAND],
        responses=GroupSerializer,
        examples=[OpenApiExample("A company", _ACME, response_only=True)],
    )
    def get(self, request: Request, group_id: UUID) -> Response:
        """What is known of a group, opened and masked by class of data like a profile."""
        only_known(request, "expand")
        return _shown(request, group_id, provenance=_provenance(request))


def _shown(request: Request, group_id: UUID, *, provenance: bool = False, **more: Any) -> Response:
    seen = group_gate.enter(request, group_id, at=timezone.now())
    content = {**group_answers.group(seen, provenance=provenance), **more}
    unchanged = conditional(request, content)
    if unchanged is not None:
        return unchanged
    group_gate.note(request, seen)
    return tagged(Response(content), content)


class GroupLookupView(View):
    """Which group has this id."""

    scopes = "groups:read"
    problems = {"POST": (404,)}

    @extend_schema(
        operation_id="groups_lookup",
        request=GroupLookupSerializer,
        responses=FoundGroupSerializer,
        examples=[
            OpenApiExample("By its id", {"id": "acme"}, request_only=True),
            OpenApiExample("A company", {**_ACME, "also": []}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Finds a group by the `groupId` that group calls send. The id stands in the body, never in an address."""
        asked = GroupLookupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        found = reads.find(asked.validated_data["id"])
        seen = reads.visible(purpose_of(request), timezone.now(), sources_of(request)).filter(id__in=found)
        readable = list(seen.order_by("id").values_list("id", flat=True))
        if readable:
            return _shown(request, readable[0], also=readable[1:])
        audited(request, "group.lookup", object=("group", ""), rows=0)
        raise Problem(
            404, "not_found", "No group is known by this id", remedy="Send the groupId exactly as group calls send it."
        )


class GroupMembersView(View):
    """Who belongs to a group."""

    scopes = "groups:read"

    @extend_schema(operation_id="groups_members", parameters=[*_PAGING], responses=GroupMemberSerializer(many=True))
    def get(self, request: Request, group_id: UUID) -> Response:
        """The people of a group, as far as they permit the reader's purpose: what is known of them is in profiles/."""
        only_known(request, "limit", "cursor")
        at = timezone.now()
        seen = group_gate.enter(request, group_id, at=at)
        page: Page[MemberView] = Page.of(request, f"group-members:{seen.id}")
        after = page.after[0] if page.after else None
        rows = reads.members(seen.id, seen.purpose, at, only=seen.only, after=after, limit=page.fetch)
        rows, following = page.cut(rows, key=lambda row: (row.profile_id,))
        subjects = [record for row in rows for record in row.records]
        group_gate.note(request, seen, "group.members", fields=["members"], subjects=subjects, rows=len(rows))
        return answer(group_answers.members(rows), following)


class ProfileGroupsView(View):
    """The groups of a person."""

    scopes = "groups:read"

    @extend_schema(operation_id="profiles_groups", responses=GroupOfProfileSerializer(many=True))
    def get(self, request: Request, profile_id: UUID) -> Response:
        """The companies, households and teams that the person belongs to, the latest first."""
        only_known(request)
        person = gate.enter(request, profile_id, at=timezone.now())
        gate.note(request, person, fields={"groups"})
        return answer(group_answers.of_person(person), None)
