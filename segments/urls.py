"""REST paths of this room, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from segments.views import PreviewView, SchemaView, SegmentViewSet, WhyView

router = SimpleRouter(use_regex_path=False)
router.register("segments", SegmentViewSet, basename="segment")
urlpatterns = [
    path("segments/preview/", PreviewView.as_view()),
    path("segments/schema/", SchemaView.as_view()),
    path("segments/<uuid:segment_id>/why/<uuid:profile_id>/", WhyView.as_view()),
    *router.urls,
]
