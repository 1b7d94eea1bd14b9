"""REST: purposes/, notices/, consents/, consents/check/."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter
from cdp.access.problems import Problem
from cdp.access.rest import View, ViewSet, actor_of, audited, sources_of
from cdp.ids import uuid7
from cdp.sources.asked import speaking_for, unclear
from consent import reach
from consent.models import Notice, Purpose
from consent.permits import permits
from consent.purposes import InvalidPurpose, ensure_purpose, publish_notice
from consent.record import Statement, record
from consent.rules import EVERY
from consent.serializers import (
    CheckSerializer,
    ConsentSerializer,
    DecisionSerializer,
    NoticeSerializer,
    PurposeSerializer,
    RecordedSerializer,
)
from consent.subjects import NoIdentifier, digests_for


def _problem(error: InvalidPurpose) -> Problem:
    return Problem(400, "invalid", "This cannot be made as asked", str(error), field=error.field)


class PurposeViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """Purposes of processing."""

    scopes = {"GET": "consents:read", "POST": "consents:write"}
    serializer_class = PurposeSerializer
    queryset = Purpose.objects.all()
    cursor_ordering = ("key",)

    @extend_schema(request=PurposeSerializer, responses={201: PurposeSerializer})
    def create(self, request: Request) -> Response:
        """Makes a purpose. One that exists stays as it is: 409."""
        asked = PurposeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = {"basis": "consent", **asked.validated_data}
        try:
            purpose, made = ensure_purpose(**values, by=actor_of(request))
        except InvalidPurpose as error:
            raise _problem(error) from None
        if not made:
            raise Problem(409, "exists", "There is a purpose with this key", field="key", remedy="Choose another key.")
        return Response(PurposeSerializer(purpose).data, status=201)


class NoticeFilter(Filter):
    """Which texts."""

    purpose = serializers.CharField(required=False, max_length=60)
    version = serializers.CharField(required=False, max_length=40)
    language = serializers.CharField(required=False, max_length=10)


@extend_schema_view(list=extend_schema(parameters=[NoticeFilter]))
class NoticeViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """Texts that people were shown."""

    scopes = {"GET": "consents:read", "POST": "consents:write"}
    serializer_class = NoticeSerializer
    queryset = Notice.objects.all()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        return queryset.filter(**NoticeFilter.of(self.request)) if self.action == "list" else queryset

    @extend_schema(request=NoticeSerializer, responses={201: NoticeSerializer})
    def create(self, request: Request) -> Response:
        """Publishes a version of a text. A version is never changed."""
        asked = NoticeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        try:
            notice = publish_notice(values.pop("purpose"), **values, by=actor_of(request))
        except InvalidPurpose as error:
            raise _problem(error) from None
        return Response(NoticeSerializer(notice).data, status=201)


def _digests(values: Mapping[str, Any]) -> tuple[UUID, ...]:
    """The digests of whom the body speaks of. Raises Problem, without repeating a value."""
    one = "kind" in values or "value" in values
    if one == bool(values.get("identifiers")) or (one and not ("kind" in values and "value" in values)):
        raise Problem(
            400, "no_person", "Whom this is about is not clear", field="identifiers",
            remedy="Send kind and value, or identifiers: a list of them.",
        )  # fmt: skip
    given = [(values["kind"], values["value"])] if one else [(it["kind"], it["value"]) for it in values["identifiers"]]
    try:
        return digests_for(given, region=values.get("region", settings.REGION), namespace=values["namespace"])
    except NoIdentifier as error:
        field = "value" if one else f"identifiers.{error.position}.value"
        raise Problem(
            400, "no_identifier", "A value is no identifier of its kind", field=field, remedy="Send a valid value."
        ) from None


class ConsentsView(View):
    """Recording what somebody said."""

    scopes = {"POST": "consents:write"}
    problems = {"POST": (404,)}

    @extend_schema(request=ConsentSerializer, responses={201: RecordedSerializer, 200: RecordedSerializer})
    def post(self, request: Request) -> Response:
        """Records a grant, denial, withdrawal, objection, restriction or release. 200 when it was known already.

        When this answers, no use of the purpose begins any more that the statement forbids. `source_id`: in which source's name
        it is said; a key that is limited to one source need not send it."""
        asked = ConsentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        if values["purpose"] != EVERY and not Purpose.objects.filter(key=values["purpose"]).exists():
            raise Problem(
                400, "unknown_purpose", "There is no such purpose", field="purpose", remedy="Define it first."
            )
        source = speaking_for(request, values.get("source_id"))
        if source is None and sources_of(request) is not None:
            raise unclear()
        now, cause = timezone.now(), values.get("id") or uuid7()
        try:
            statement = Statement(
                subjects=_digests(values),
                cause=cause,
                effective_from=values.get("effective_from") or now,
                expires_at=values.get("expires_at"),
                evidence=values.get("evidence") or None,
                source_id=source.pk if source else None,
                **{
                    key: values[key]
                    for key in ("purpose", "status", "basis", "notice_version", "method", "channel", "jurisdiction")
                },
            )
        except ValueError as error:
            raise Problem(400, "invalid_statement", "The statement is not valid", str(error), field="") from None
        who = actor_of(request)
        with transaction.atomic():
            made = record([statement], actor=f"{who.kind}:{who.id}", at=now, by=who)
        return Response({"recorded": bool(made), "id": cause}, status=201 if made else 200)


class CheckView(View):
    """The one permission question."""

    scopes = {"POST": "consents:read"}

    @extend_schema(request=CheckSerializer, responses=DecisionSerializer)
    def post(self, request: Request) -> Response:
        """Whether a purpose is permitted for a person, and why. A key that is limited to sources asks about people of whom one of
        them has a record; of everybody else it hears the same: no."""
        asked = CheckSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        digests = _digests(values)
        if reach.within(digests, sources_of(request)):
            decision = permits(
                digests,
                values["purpose"],
                at=values.get("at") or timezone.now(),
                basis=values.get("basis"),
                known_at=values.get("known_at"),
            )
        else:
            decision = reach.BEYOND
        audited(
            request,
            "consent.check",
            object=("consent", ""),
            details={"asked": values["purpose"], "code": decision.code},
        )
        return Response(
            {
                "allowed": decision.allowed,
                "because": decision.because,
                "code": decision.code,
                "entries": decision.entries,
            }
        )
