"""REST: what lies below a profile that needs a longer look: timeline, provenance, consents, why, reveal."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.objects import visible
from cdp.access.pagination import LIST_PARAMETERS, Page, answer
from cdp.access.problems import Problem
from cdp.access.rest import Forbidden, View, audited
from cdp.console import answers, gate, reveal
from cdp.console.serializers import (
    PurposeConsentSerializer,
    RevealedSerializer,
    RevealSerializer,
    TimelineEventSerializer,
    TraitProvenanceSerializer,
)
from cdp.console.views import only_known
from cdp.events.reads import TimelineEvent
from consent import rules
from consent.by_profile import permits_purposes
from identity.profiles import records_in
from segments.models import Segment

_PAGING = [OpenApiParameter(it["name"], it["schema"], description=it["description"]) for it in LIST_PARAMETERS]


class TimelineView(View):
    """What happened."""

    scopes = "profiles:read"

    @extend_schema(
        operation_id="profiles_timeline", parameters=[*_PAGING], responses=TimelineEventSerializer(many=True)
    )
    def get(self, request: Request, profile_id: UUID) -> Response:
        """The person's events, newest first. Facts stand in clear; the rest is masked unless the key may reveal."""
        only_known(request, "limit", "cursor")
        person = gate.enter(request, profile_id, at=timezone.now())
        page: Page[TimelineEvent] = Page.of(request, f"timeline:{person.id}")
        rows, _ = answers.events(person, before=page.after, limit=page.fetch)
        rows, following = page.cut(rows, key=lambda row: (row.occurred_at, row.id))
        content = answers.timeline_entries(person, rows)
        gate.note(request, person, fields=content.fields, subjects=content.subjects, rows=len(rows))
        return answer(content.content, following)


class ProvenanceView(View):
    """Where every value comes from."""

    scopes = "profiles:read"

    @extend_schema(operation_id="profiles_provenance", responses=TraitProvenanceSerializer(many=True))
    def get(self, request: Request, profile_id: UUID) -> Response:
        """For every trait: its golden value, the record, source and rule that gave it, and what the other records say."""
        only_known(request)
        person = gate.enter(request, profile_id, at=timezone.now())
        content = answers.provenance(person)
        gate.note(request, person, fields=content.fields, subjects=content.subjects)
        return answer(content.content, None)


class ConsentsView(View):
    """What the person permits."""

    scopes = "consents:read"

    @extend_schema(operation_id="profiles_consents", responses=PurposeConsentSerializer(many=True))
    def get(self, request: Request, profile_id: UUID) -> Response:
        """For every purpose whether it is permitted now, because of what, and every entry of the ledger about the person.

        This alone is also answered about people who permit nothing: it is how one learns why."""
        only_known(request)
        id = gate.profile_id_of(profile_id)
        content = answers.consents(permits_purposes(id, at=timezone.now()))
        audited(request, "consent.read", object=("profile", id), subjects=records_in(id), fields=["consents"])
        return answer(content, None)


class WhyView(View):
    """Reasons."""

    scopes = "profiles:read"

    @extend_schema(
        operation_id="profiles_why",
        parameters=[
            OpenApiParameter("segment", str, description="Key: why the person is in it, or not"),
            OpenApiParameter("record_a", str, description="With record_b: why these two records are one person"),
            OpenApiParameter("record_b", str),
        ],
        responses=dict,
    )
    def get(self, request: Request, profile_id: UUID) -> Response:
        """Why the person is in a segment or not (`segment`), or why two records are one person (`record_a`, `record_b`)."""
        only_known(request, "segment", "record_a", "record_b")
        at = timezone.now()
        person = gate.enter(request, profile_id, at=at)
        query = request.query_params
        if query.get("segment"):
            if person.only is not None:
                raise Forbidden("This key is limited to some sources, and rules speak of what all of them said.")
            content = answers.why_segment(person, _segment(request, query["segment"]), at=at)
        else:
            content = answers.why_together(person, _record(request, "record_a"), _record(request, "record_b"))
        gate.note(request, person, "profile.why", fields={"segments" if query.get("segment") else "links"})
        return Response(content)


def _segment(request: Request, key: str) -> Segment:
    found = visible(request.user, Segment.objects.filter(enabled=True), "view_segment").filter(key=key).first()
    if found is None:
        raise Http404
    return found


def _record(request: Request, name: str) -> UUID:
    try:
        return UUID(request.query_params.get(name, ""))
    except ValueError:
        raise Problem(
            400, "invalid", "Say what is to be explained", field=name, remedy="Send segment, or record_a and record_b."
        ) from None


class RevealView(View):
    """Opening identifying values."""

    scopes = "profiles:reveal"
    problems = {"POST": (409,)}

    @extend_schema(operation_id="profiles_reveal", request=RevealSerializer, responses=RevealedSerializer)
    def post(self, request: Request, profile_id: UUID) -> Response:
        """Opens this person's identifying values to the signed-in steward for ten minutes, with purpose and reason written
        down. A key with the scope profiles:reveal needs no such step."""
        asked = RevealSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        if not hasattr(request, "session") or request.auth is not None:
            raise Problem(409, "not_needed", "A key reveals by its scope", remedy="Read the profile.")
        end = open_for(request, [profile_id], **asked.validated_data)
        return Response({"until": end})


def open_for(request: Any, profile_ids: Iterable[UUID], *, purpose: str, reason: str) -> datetime:
    """Asks permission for the purpose of all these profiles, then opens them; until when. Raises Http404, NotPermitted, NoReason,
    PermissionError: then none was opened."""
    at, asked = timezone.now(), []
    for profile_id in profile_ids:
        id = gate.profile_id_of(profile_id)
        decision, subjects = permits_purposes(id, at=at).decisions.get(purpose, rules.UNKNOWN), records_in(id)
        if not decision.allowed:
            gate.refuse(request, id, purpose, decision, subjects=subjects)
        asked.append((id, subjects))
    return max(
        reveal.grant(request, id, purpose=purpose, reason=reason, subjects=subjects, at=at) for id, subjects in asked
    )
