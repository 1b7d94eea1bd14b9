"""The room of access."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Registers the holder."""

    name = "cdp.access"
    verbose_name = "access"

    def ready(self) -> None:
        """Holders are registered when all models are loaded."""
        from cdp.access.holder import Answers
        from cdp.vault.holders import register

        register(Answers())
