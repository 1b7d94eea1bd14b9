"""REST: alerts/."""

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from cdp.access.problems import Problem
from cdp.access.rest import ViewSet, sources_of
from cdp.alerts.models import Alert
from cdp.alerts.serializers import AlertSerializer
from cdp.alerts.visible import visible_to

_OPEN = OpenApiParameter(
    "open", OpenApiTypes.BOOL, description="true: those that hold now; false: those that are over."
)


@extend_schema_view(list=extend_schema(parameters=[_OPEN], summary="Alerts, the latest first"))
class AlertViewSet(ListModelMixin, RetrieveModelMixin, ViewSet):
    """What is wrong, since when, and what to do. A key that is limited to some sources sees the alerts of those."""

    scopes = {"GET": "sources:read"}
    serializer_class = AlertSerializer
    queryset = Alert.objects.all()
    cursor_ordering = ("-id",)

    def get_queryset(self) -> QuerySet[Alert]:
        """What the caller may see."""
        rows = visible_to(self.request.user, limited=sources_of(self.request))
        wanted = self.request.query_params.get("open")
        if wanted is None:
            return rows
        if wanted not in {"true", "false"}:
            raise Problem(
                400, "invalid_parameter", "The request is not valid", "`open` is true or false.", field="open"
            )
        return rows.filter(closed_at__isnull=wanted == "true")
