"""The room of segments."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """Registers the holder."""

    name = "segments"

    def ready(self) -> None:
        """Holders are registered when all models are loaded."""
        from cdp.vault import holders
        from segments.holder import Memberships

        holders.register(Memberships())
