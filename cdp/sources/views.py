"""REST: sources/."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter
from cdp.access.objects import may, visible
from cdp.access.problems import Problem
from cdp.access.rest import Forbidden, ViewSet, actor_of, conditional, sources_of, tagged
from cdp.sources.create import InvalidSource, change, create, rotate_write_key
from cdp.sources.models import Source
from cdp.sources.serializers import (
    NewSourceSerializer,
    SourceChangeSerializer,
    SourceSerializer,
    SourceWithKeySerializer,
)


def _problem(error: InvalidSource) -> Problem:
    return Problem(400, "invalid_source", "The source is not valid", str(error), field=error.field)


def _pairs(values: dict[str, Any]) -> dict[str, Any]:
    if "purposes" in values:
        values["purposes"] = [(it["purpose"], it["basis"]) for it in values["purposes"]]
    return values


def _version(source: Source) -> str:
    return repr([str(getattr(source, name)) for name in SourceSerializer.Meta.fields])


class SourceFilter(Filter):
    """Which sources."""

    name = serializers.CharField(required=False, max_length=60)
    kind = serializers.ChoiceField(Source.Kind.values, required=False)
    enabled = serializers.BooleanField(required=False)


@extend_schema_view(list=extend_schema(parameters=[SourceFilter]))
class SourceViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """Systems that send data. A key that is limited to some sources sees only those."""

    scopes = {"GET": "sources:read", "POST": "sources:write", "PATCH": "sources:write"}
    serializer_class = SourceSerializer
    queryset = Source.objects.all()
    cursor_ordering = ("name",)
    versioned = True

    def get_queryset(self) -> QuerySet[Source]:
        """What the caller may see."""
        rows: QuerySet[Source] = visible(self.request.user, Source.objects.all(), "view_source")
        limited = sources_of(self.request)
        return rows if limited is None else rows.filter(id__in=limited)

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        return queryset.filter(**SourceFilter.of(self.request)) if self.action == "list" else queryset

    def _changeable(self, request: Request) -> Source:
        source: Source = self.get_object()
        if request.user.has_perm("sources.view_source") or may(request.user, "change_source", source):
            # The scope sources:write opened the door; a person who was granted single sources needs the right on this one.
            return source
        raise Forbidden("This needs the right to change this source.")

    @extend_schema(responses=SourceSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One source."""
        source = self.get_object()
        return conditional(request, _version(source)) or tagged(
            Response(SourceSerializer(source).data), _version(source)
        )

    @extend_schema(request=NewSourceSerializer, responses={201: SourceWithKeySerializer})
    def create(self, request: Request) -> Response:
        """Makes a source and answers its write key, once."""
        if sources_of(request) is not None:
            raise Forbidden("This key is limited to some sources, so it cannot make another.")
        asked = NewSourceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            source, key = create(by=actor_of(request), **_pairs(dict(asked.validated_data)))
        except InvalidSource as error:
            raise _problem(error) from None
        return Response({**SourceSerializer(source).data, "write_key": key}, status=201)

    @extend_schema(request=SourceChangeSerializer, responses=SourceSerializer)
    def partial_update(self, request: Request, pk: UUID | None = None) -> Response:
        """Changes purposes, priority, region, whether data is taken and when silence is an alert. Send the ETag in If-Match."""
        source = self._changeable(request)
        conditional(request, _version(source))
        asked = SourceChangeSerializer(source, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        try:
            source = change(source, by=actor_of(request), **_pairs(dict(asked.validated_data)))
        except InvalidSource as error:
            raise _problem(error) from None
        return tagged(Response(SourceSerializer(source).data), _version(source))

    @extend_schema(request=None, responses=SourceWithKeySerializer)
    @action(detail=True, methods=["post"], url_path="rotate-key")
    def rotate_key(self, request: Request, pk: UUID | None = None) -> Response:
        """Replaces the write key; the old one ends at once. Answers the new one, once."""
        source = self._changeable(request)
        key = rotate_write_key(source, actor_of(request))
        source.refresh_from_db()
        return Response({**SourceSerializer(source).data, "write_key": key})
