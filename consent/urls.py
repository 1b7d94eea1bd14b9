"""REST paths of this room, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from consent.views import CheckView, ConsentsView, NoticeViewSet, PurposeViewSet

router = SimpleRouter(use_regex_path=False)
router.register("purposes", PurposeViewSet, basename="purpose")
router.register("notices", NoticeViewSet, basename="notice")
urlpatterns = [
    *router.urls,
    path("consents/", ConsentsView.as_view()),
    path("consents/check/", CheckView.as_view()),
]
