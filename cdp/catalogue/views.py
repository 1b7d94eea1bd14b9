"""REST: catalogue/fields/ and catalogue/undeclared/."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem
from cdp.access.rest import Page, View, actor_of, answer, audited, holds
from cdp.catalogue import snapshot
from cdp.catalogue.declare import InvalidDeclaration, accept, declare_named, suggestion_for
from cdp.catalogue.models import Field
from cdp.catalogue.observe import open_name
from cdp.catalogue.serializers import DeclarationSerializer, FieldSerializer, SuggestedSerializer
from cdp.catalogue.snapshot import FieldInfo

_SCOPES = list(Field.Scope.values)
_SCOPE = OpenApiParameter("scope", OpenApiTypes.STR, enum=_SCOPES, description="Only this scope.")


def _scope(request: Request) -> str:
    """The scope asked for, or "" for all. Raises a 400 Problem."""
    scope = request.query_params.get("scope")
    if scope is not None and scope not in _SCOPES:
        raise Problem(400, "invalid", "There is no such scope", field="scope", remedy=f"Use {', '.join(_SCOPES)}.")
    return scope or ""


def _declared() -> list[FieldInfo]:
    catalogue = snapshot.current()
    events = [FieldInfo("event", name, "name", "fact") for name in catalogue.event_names()]
    return sorted([*catalogue.fields(), *events], key=lambda it: (it.scope, it.name))


class FieldsView(View):
    """Declared fields, the built-in ones included."""

    scopes = {"GET": "catalogue:read", "POST": "catalogue:write"}
    paged = True

    @extend_schema(responses=FieldSerializer(many=True), parameters=[_SCOPE])
    def get(self, request: Request) -> Response:
        """Lists what is declared."""
        scope = _scope(request)
        page: Page[FieldInfo] = Page.of(request, f"catalogue:{scope}")
        rows = [
            it for it in _declared() if scope in ("", it.scope) and (not page.after or (it.scope, it.name) > page.after)
        ]
        shown, following = page.cut(rows, key=lambda it: (it.scope, it.name))
        return answer([FieldSerializer(it).data for it in shown], following)

    @extend_schema(request=DeclarationSerializer, responses={201: FieldSerializer})
    def post(self, request: Request) -> Response:
        """Declares a field; declaring the same again changes nothing."""
        asked = DeclarationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            field = declare_named(**asked.validated_data, by=actor_of(request))
        except InvalidDeclaration as error:
            raise Problem(
                400, "invalid_declaration", "The declaration is not valid", str(error), field=error.field
            ) from None
        info = FieldInfo(field.scope, field.name, field.type, field.data_class, field.identifier, tuple(field.purposes))
        return Response(FieldSerializer(info).data, status=201)


class UndeclaredView(View):
    """Keys that came and are not declared."""

    scopes = {"GET": "catalogue:read"}
    paged = True

    @extend_schema(responses=SuggestedSerializer(many=True), parameters=[_SCOPE])
    def get(self, request: Request) -> Response:
        """Lists undeclared keys with suggestions. A name can be personal data: it is shown to who may declare."""
        open_ = holds(request, "catalogue:write")
        scope = _scope(request)
        page: Page[Field] = Page.of(request, f"undeclared:{scope}")
        rows = Field.objects.filter(data_class=Field.DataClass.UNDECLARED, **({"scope": scope} if scope else {}))
        if page.after:
            rows = rows.filter(id__gt=page.after[0])
        shown, following = page.cut(list(rows.order_by("id")[: page.fetch]), key=lambda it: (it.id,))
        if open_ and shown:
            audited(request, "catalogue.read_undeclared", object=("catalogue", ""), rows=len(shown))
        return answer([_suggested(field, open_=open_) for field in shown], following)


def _suggested(field: Field, *, open_: bool) -> dict[str, Any]:
    name = open_name(field.id, bytes(field.sealed_name)) if field.sealed_name else field.name
    suggestion = suggestion_for(field, name)
    return dict(
        SuggestedSerializer(
            {
                "id": field.id,
                "scope": field.scope,
                "name": name if open_ else None,
                "seen": field.seen,
                "first_seen": field.first_seen,
                "last_seen": field.last_seen,
                "suggested_class": suggestion.data_class,
                "suggested_type": suggestion.type,
                "because": suggestion.because,
            }
        ).data
    )


class AcceptView(View):
    """Accepting a suggestion."""

    scopes = {"POST": "catalogue:write"}

    @extend_schema(request=None, responses={201: FieldSerializer})
    def post(self, request: Request, field_id: UUID) -> Response:
        """Declares an undeclared key as suggested."""
        field = Field.objects.filter(pk=field_id, data_class=Field.DataClass.UNDECLARED).first()
        if field is None:
            raise NotFound
        made = accept(field, by=actor_of(request))
        info = FieldInfo(made.scope, made.name, made.type, made.data_class, made.identifier, tuple(made.purposes))
        return Response(FieldSerializer(info).data, status=201)
