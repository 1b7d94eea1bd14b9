"""The room of consent."""

from django.apps import AppConfig


class ConsentConfig(AppConfig):
    """Registers the holder."""

    name = "consent"

    def ready(self) -> None:
        """Holders are registered when all models are loaded."""
        from cdp.vault import holders
        from consent.holder import ConsentHolder

        holders.register(ConsentHolder(), before="identity")  # whose evidence says which digests are a record's
