"""The room of sources."""

from django.apps import AppConfig


class SourcesConfig(AppConfig):
    """Names the room in admin."""

    name = "cdp.sources"
    verbose_name = "sources"
