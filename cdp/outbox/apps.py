"""The outbox's place among the rooms."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Registers the holder of what waits to be looked at."""

    name = "cdp.outbox"
    verbose_name = "outbox"

    def ready(self) -> None:
        """Registers the holder."""
        from cdp.outbox.holder import Happenings
        from cdp.vault.holders import register

        register(Happenings())
