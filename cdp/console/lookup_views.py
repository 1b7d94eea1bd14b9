"""REST: profiles/lookup/ and profiles/bulk/: one person by an identifier, or up to a hundred people at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem
from cdp.access.rest import View, audited, purpose_of, sources_of
from cdp.console import answers, gate, selection
from cdp.console.selection import OF_MANY, Asked
from cdp.console.serializers import (
    BulkSerializer,
    FoundProfileSerializer,
    FoundProfilesSerializer,
    LookupSerializer,
)
from cdp.console.views import only_known, shown
from consent.refusal import NotPermitted
from identity.models import Record
from identity.profiles import find_many

_PARAMETERS = selection.parameters(OF_MANY)


class LookupView(View):
    """Who has this identifier."""

    scopes = "profiles:read"
    problems = {"POST": (404,)}

    @extend_schema(
        operation_id="profiles_lookup",
        request=LookupSerializer,
        parameters=_PARAMETERS,
        responses=PolymorphicProxySerializer(
            "FoundByLookup", [FoundProfileSerializer, FoundProfilesSerializer], None, many=False
        ),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Finds a profile by e-mail, phone, user id or another identifier; with `lookups` one for each of up to 100, in their
        order. The value stands in the body, never in an address, and is not repeated in the answer."""
        only_known(request, "expand", "fields")
        wanted = selection.of(request, expand=OF_MANY)
        asked = LookupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        if "lookups" in values:
            found = _found(request, values["lookups"], values)
            details = {"kinds": sorted({it["kind"] for it in values["lookups"]})}
            return many(request, found, wanted, "profile.lookup", details=details)
        return _one(request, values, wanted)


def _one(request: Request, values: Mapping[str, Any], wanted: Asked) -> HttpResponseBase:
    """The first identifier that is known answers."""
    pairs = values.get("identifiers") or [{"kind": values["kind"], "value": values["value"]}]
    for ids in _found(request, pairs, values):
        if ids:
            return shown(request, ids[0], wanted, also=ids[1:])
    kinds = sorted({pair["kind"] for pair in pairs})
    audited(request, "profile.lookup", object=("profile", ""), rows=0, details={"kinds": kinds})
    raise Problem(404, "not_found", "Nobody is known by this identifier", remedy="Check its kind and spelling.")


def _found(request: Request, pairs: Sequence[Mapping[str, str]], values: Mapping[str, Any]) -> list[list[UUID]]:
    """The profiles of each identifier, oldest first, as far as they are within the limits of the reader's key."""
    found = find_many([(pair["kind"], pair["value"]) for pair in pairs], values.get("region", "").upper())
    only = sources_of(request)
    if only is None:
        return found
    rows = Record.objects.filter(profile_id__in={id for ids in found for id in ids}, source_id__in=only)
    allowed = set(rows.values_list("profile_id", flat=True))
    return [[id for id in ids if id in allowed] for ids in found]


class BulkView(View):
    """Many profiles by their ids."""

    scopes = "profiles:read"

    @extend_schema(
        operation_id="profiles_bulk",
        request=BulkSerializer,
        parameters=_PARAMETERS,
        responses=FoundProfilesSerializer,
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Up to 100 profiles by id, in the order of the ids; null where there is nobody. Ids that were merged away answer with
        the survivor. It reads as GET profiles/{id}/ does, and is one entry of the audit trail."""
        only_known(request, "expand", "fields")
        wanted = selection.of(request, expand=OF_MANY)
        asked = BulkSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return many(request, [[id] for id in asked.validated_data["ids"]], wanted, "profile.bulk")


def many(
    request: Request,
    found: Sequence[Sequence[UUID]],
    wanted: Asked,
    action: str,
    *,
    details: Mapping[str, Any] | None = None,
) -> Response:
    """A result for each list of ids (the first is read, the others are named), in a number of queries that does not grow with
    them. One audit entry for all who were shown, one more for those who may not be."""
    at = timezone.now()
    people = gate.admit(request, list(dict.fromkeys(ids[0] for ids in found if ids)), at=at, revealed=False)
    results: list[dict[str, Any] | None] = []
    shown_all = answers.Answer(results)
    for ids in found:
        it = people.get(ids[0]) if ids else None
        if isinstance(it, gate.Refused):
            results.append({"profile": None, "also": [], "refused": NotPermitted(it.purpose, it.decision).brief})
        else:
            profile = None if it is None else shown_all.join(answers.profile(it, wanted))
            results.append(profile and {"profile": profile, "also": list(ids[1:]), "refused": None})
    _note(request, people, shown_all, action, {"asked": len(found), **(details or {})}, at=at)
    return Response({"results": results})


def _note(
    request: Request,
    people: Mapping[UUID, gate.Person | gate.Refused],
    answer: answers.Answer,
    action: str,
    details: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """The entry of who was shown, written also when that was nobody; and the entry of who was refused."""
    seen = [it for it in people.values() if isinstance(it, gate.Person)]
    refused = [it for it in people.values() if isinstance(it, gate.Refused)]
    audited(
        request,
        action,
        object=("profile", ""),
        subjects=answer.subjects,
        fields=sorted(answer.fields),
        rows=len(seen),
        details={**details, "open": any(it.open for it in seen), "profiles": [str(it.id) for it in seen]},
    )
    if refused:
        audited(
            request,
            action,
            object=("profile", ""),
            subjects=[record for it in refused for record in it.known.sources],
            purpose=purpose_of(request),
            outcome="denied",
            rows=0,
            details={
                "because": sorted({it.decision.code for it in refused}),
                "profiles": [str(it.known.id) for it in refused],
            },
        )
