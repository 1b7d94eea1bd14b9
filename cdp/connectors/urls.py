"""REST paths of this room, below /api/v1/."""

from django.urls import path

from cdp.connectors.update_views import UpdateProfileView
from cdp.connectors.views import RunErrorsView, RunsView, RunView

urlpatterns = [
    path("update_profile", UpdateProfileView.as_view(), name="update-profile"),
    path("sources/<uuid:source_id>/runs/", RunsView.as_view(), name="source-runs"),
    path("sources/<uuid:source_id>/runs/<uuid:run_id>/", RunView.as_view(), name="source-run"),
    path("sources/<uuid:source_id>/runs/<uuid:run_id>/errors/", RunErrorsView.as_view(), name="source-run-errors"),
]
