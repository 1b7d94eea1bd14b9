"""REST paths of this room, below /api/v1/."""

from django.urls import path

from cdp.events.views import ReconciliationView, RejectionsView, ReplayView

urlpatterns = [
    path("sources/<uuid:source_id>/reconciliation/", ReconciliationView.as_view(), name="reconciliation"),
    path("sources/<uuid:source_id>/rejections/", RejectionsView.as_view(), name="rejections"),
    path("sources/<uuid:source_id>/rejections/replay/", ReplayView.as_view(), name="replay"),
]
