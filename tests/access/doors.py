"""A few doors to knock at: a URLconf for tests of the plumbing."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.access.problems import Problem
from cdp.access.rest import Forbidden, GenericView, Page, View, answer, audited, conditional, sees_identifying, tagged
from cdp.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]


class Open(View):
    scopes = {"GET": "segments:read", "POST": "segments:write"}

    def get(self, request: Request) -> Response:
        return Response({"sees_identifying": sees_identifying(request)})

    def post(self, request: Request) -> Response:
        class Body(serializers.Serializer[Any]):
            email = serializers.EmailField()
            kind = serializers.ChoiceField(choices=["a", "b"])
            ids = serializers.ListField(child=serializers.UUIDField())

        Body(data=request.data).is_valid(raise_exception=True)
        return Response({}, status=201)


class Nameless(View):
    def get(self, request: Request) -> Response:
        return Response({})


class Broken(View):
    scopes = "segments:read"

    def get(self, request: Request) -> Response:
        raise RuntimeError("alice@example.com")

    def post(self, request: Request) -> Response:
        raise Problem(409, "taken", "It is taken", field="name", remedy="Choose another.")


class Versioned(View):
    scopes = "segments:read"

    def get(self, request: Request) -> Response:
        return conditional(request, 7) or tagged(Response({"version": 7}), 7)

    def patch(self, request: Request) -> Response:
        conditional(request, 7)
        return tagged(Response({"version": 8}), 8)


class GroupSerializer(serializers.ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ["id", "name"]


class Groups(GenericView):
    scopes = "segments:read"
    queryset = Group.objects.all()
    serializer_class = GroupSerializer
    cursor_ordering = ("-name", "id")

    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


class Makes(View):
    """Makes a group; `name` decides how it ends."""

    scopes = {"POST": "segments:write"}

    def post(self, request: Request) -> Response:
        name = request.data["name"]
        with transaction.atomic():
            made = Group.objects.create(name=name)
            if name == "refused":
                raise Problem(409, "taken", "It is taken")
            if name == "broken":
                raise RuntimeError("alice@example.com")
        if name == "denied":
            audited(request, "group.deny", object=("group", made.pk), outcome="denied")
            raise Forbidden("Not this one.")
        return tagged(Response({"id": made.pk}, status=201), made.pk)


class Numbers(View):
    scopes = "segments:read"

    def get(self, request: Request) -> Response:
        page: Page[int] = Page.of(request, "numbers")
        start = page.after[0] if page.after else 0
        shown, following = page.cut(list(range(start + 1, 8))[: page.fetch], key=lambda n: (n,))
        return answer(shown, following)


urlpatterns = [
    path(
        "api/v1/",
        include(
            [
                path("open/", Open.as_view()),
                path("nameless/", Nameless.as_view()),
                path("broken/", Broken.as_view()),
                path("versioned/", Versioned.as_view()),
                path("groups/", Groups.as_view()),
                path("makes/", Makes.as_view()),
                path("numbers/", Numbers.as_view()),
            ]
        ),
    )
]
