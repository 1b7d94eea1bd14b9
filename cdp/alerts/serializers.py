"""Alerts in REST."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cdp.alerts.kinds import KINDS
from cdp.alerts.models import Alert


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A condition that should not be. `closed_at` is null while it holds; `source` names the source, if it is about one."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    severity = serializers.ChoiceField(choices=["warning", "critical"], read_only=True)
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field, not the attribute of fields
    title = serializers.CharField(read_only=True)
    remedy = serializers.CharField(read_only=True)

    class Meta:
        model = Alert
        fields = [
            "id", "kind", "severity", "source", "label", "title", "what", "remedy", "since", "opened_at", "closed_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_source(self, alert: Alert) -> Any:
        """The source's id, or null."""
        return UUID(alert.about) if alert.kind.startswith("source_") else None
