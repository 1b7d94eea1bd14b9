"""The events' place among the rooms."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Registers the holder of events, inbox and rejections."""

    name = "cdp.events"
    verbose_name = "events"

    def ready(self) -> None:
        """Called by Django once models are loaded."""
        from cdp.events.holder import Events
        from cdp.vault.holders import register

        register(Events())
