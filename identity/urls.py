"""REST paths of this room, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from identity.review_views import ReviewViewSet
from identity.views import ConstraintViewSet, MergeViewSet

router = SimpleRouter(use_regex_path=False)
router.register("merges", MergeViewSet, basename="merge")
router.register("constraints", ConstraintViewSet, basename="constraint")
router.register("reviews", ReviewViewSet, basename="review")
urlpatterns = router.urls
