"""REST: merges/ (also by hand), merges/{id}/undo/, merges/unmerge/, constraints/."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.filters import Filter, Moment
from cdp.access.problems import Problem
from cdp.access.rest import Forbidden, ViewSet, actor_of, audited, sources_of
from identity import decide
from identity.decide import Decision, Undecidable
from identity.foresee import foresee
from identity.models import Constraint, Merge
from identity.serializers import (
    ConstraintSerializer,
    DecidedSerializer,
    DecideSerializer,
    DryRunSerializer,
    MergeSerializer,
    SamePersonSerializer,
    UnmergeSerializer,
)

SCOPES = {"GET": "merges:read", "POST": "merges:write", "DELETE": "merges:write"}


class Undivided(ViewSet):
    """A door to decisions about people as wholes. They show and move records of every source, so a key that is limited to some
    has no part in them."""

    scopes = SCOPES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The checks of every door, then ours."""
        super().initial(request, *args, **kwargs)
        if sources_of(request) is not None:
            raise Forbidden("This key is limited to some sources, and who is one person is decided over all of them.")


def decided(request: Request, verb: Callable[[], Decision], *, dry: bool = False) -> Response:
    """Carries a verb out, or says what it would do, which is written down. Raises a 409 Problem for what cannot be decided."""
    try:
        if dry:
            return Response(_would(request, verb))
        return Response(DecidedSerializer(verb()).data)
    except Undecidable as error:
        raise Problem(409, "undecidable", "This cannot be decided as asked", str(error)) from None


def _would(request: Request, verb: Callable[[], Decision]) -> dict[str, Any]:
    found = foresee(verb)
    known = [it.id for it in found.parts if it.id]
    audited(
        request,
        "identity.foresee",
        object=("profile", known[0] if known else ""),
        subjects=sorted({record for it in found.parts for record in (*it.records, *it.left)}),
        fields=["records"],
        rows=len(found.parts),
    )
    return dict(
        DecidedSerializer(
            {"merges": [], "profiles": [*known, *found.gone], "refused": found.refused, "would": found.parts}
        ).data
    )


class MergeFilter(Filter):
    """Which acts of the history."""

    profile = serializers.UUIDField(
        required=False, source="profile_id", help_text="The survivor, or the one that was split"
    )
    kind = serializers.ChoiceField(Merge.Kind.values, required=False)
    actor = serializers.CharField(required=False, max_length=80, help_text="Who did it: user:7, key:..., pipeline")
    undone = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those undone, or not"
    )
    since = Moment(source="at__gte", help_text="At or after this time")
    before = Moment(source="at__lt", help_text="Before this time")


class ConstraintFilter(Filter):
    """Which decisions."""

    record = serializers.UUIDField(required=False, help_text="About this record")
    verdict = serializers.ChoiceField(Constraint.Verdict.values, required=False)
    since = Moment(source="at__gte", help_text="At or after this time")
    before = Moment(source="at__lt", help_text="Before this time")


@extend_schema_view(list=extend_schema(parameters=[MergeFilter]))
class MergeViewSet(ListModelMixin, RetrieveModelMixin, Undivided):
    """Merges and splits of profiles, newest first."""

    serializer_class = MergeSerializer
    queryset = Merge.objects.all()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        if self.action != "list":
            return queryset
        filters = MergeFilter.of(self.request)
        undone = filters.pop("undone")
        own = Q() if undone is None else Q(undone_at__isnull=not undone)
        return queryset.filter(own, **filters)

    @extend_schema(request=SamePersonSerializer, responses=DecidedSerializer)
    def create(self, request: Request) -> Response:
        """Two profiles, whole, are one person: a must-link, whatever the rules say. The older id stays, the other redirects."""
        asked = SamePersonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        one, other = asked.validated_data["profile_id"], asked.validated_data["other_id"]
        return decided(
            request,
            lambda: decide.same_person(one, other, by=actor_of(request), at=timezone.now()),
            dry=asked.validated_data["dry_run"],
        )

    @extend_schema(request=DryRunSerializer, responses=DecidedSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: UUID) -> Response:
        """Undoes a merge, or a split that a person decided. It stays undone, whatever comes later."""
        asked = DryRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            return decided(
                request,
                lambda: decide.undo(pk, by=actor_of(request), at=timezone.now()),
                dry=asked.validated_data["dry_run"],
            )
        except Merge.DoesNotExist:
            raise Http404 from None

    @extend_schema(request=UnmergeSerializer, responses=DecidedSerializer)
    @action(detail=False, methods=["post"])
    def unmerge(self, request: Request) -> Response:
        """Takes records out of a profile: they are somebody else."""
        asked = UnmergeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        profile, chosen = asked.validated_data["profile_id"], asked.validated_data["records"]
        return decided(
            request,
            lambda: decide.unmerge(profile, chosen, by=actor_of(request), at=timezone.now()),
            dry=asked.validated_data["dry_run"],
        )


@extend_schema_view(list=extend_schema(parameters=[ConstraintFilter]))
class ConstraintViewSet(ListModelMixin, RetrieveModelMixin, Undivided):
    """What people decided about two records."""

    serializer_class = ConstraintSerializer
    queryset = Constraint.objects.all()

    def filter_queryset(self, queryset: Any) -> Any:
        """A list's filters."""
        if self.action != "list":
            return queryset
        filters = ConstraintFilter.of(self.request)
        record = filters.pop("record", None)
        own = Q() if record is None else Q(left_id=record) | Q(right_id=record)
        return queryset.filter(own, **filters)

    @extend_schema(request=DecideSerializer, responses=DecidedSerializer)
    def create(self, request: Request) -> Response:
        """Decides that two records are one person (must_link) or two (cannot_link). The last decision about a pair counts."""
        asked = DecideSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        verb = decide.must_link if said["verdict"] == "must_link" else decide.cannot_link
        return decided(
            request,
            lambda: verb(said["left_id"], said["right_id"], by=actor_of(request), at=timezone.now()),
            dry=said["dry_run"],
        )

    @extend_schema(responses={200: DecidedSerializer})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Takes a decision back: the rules alone have their say about the two records again."""
        found = get_object_or_404(Constraint, pk=pk)
        pair = (found.left_id, found.right_id)
        return decided(request, lambda: decide.withdraw([pair], by=actor_of(request), at=timezone.now()))
