"""REST paths of this room, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from cdp.sources.views import SourceViewSet

router = SimpleRouter(use_regex_path=False)
router.register("sources", SourceViewSet, basename="source")
urlpatterns = router.urls
