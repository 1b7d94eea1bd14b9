"""REST paths of this room, below /api/v1/."""

from django.urls import path

from cdp.catalogue.views import AcceptView, FieldsView, UndeclaredView

urlpatterns = [
    path("catalogue/fields/", FieldsView.as_view()),
    path("catalogue/undeclared/", UndeclaredView.as_view()),
    path("catalogue/undeclared/<uuid:field_id>/accept/", AcceptView.as_view()),
]
