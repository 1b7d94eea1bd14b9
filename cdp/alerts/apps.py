"""The room of alerts."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Names the room in admin."""

    name = "cdp.alerts"
    verbose_name = "alerts"
