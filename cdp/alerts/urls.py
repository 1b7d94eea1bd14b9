"""REST paths of this room, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from cdp.alerts.views import AlertViewSet

router = SimpleRouter(use_regex_path=False)
router.register("alerts", AlertViewSet, basename="alert")
urlpatterns = router.urls
