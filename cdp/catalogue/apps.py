"""The room of the catalogue."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """Registers the holder."""

    name = "cdp.catalogue"
    verbose_name = "catalogue"

    def ready(self) -> None:
        """Holders are registered when all models are loaded."""
        from cdp.catalogue.holder import CatalogueHolder
        from cdp.vault import holders

        holders.register(CatalogueHolder())
