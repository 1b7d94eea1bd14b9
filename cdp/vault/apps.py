"""The vault's place among the rooms."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Registers the vault as the holder of the records' keys."""

    name = "cdp.vault"
    verbose_name = "vault"

    def ready(self) -> None:
        """Rooms get ready from the ground up, so the vault's holder is the first: and the last to erase."""
        from cdp import arrays
        from cdp.vault.holder import Keys
        from cdp.vault.holders import register

        arrays.register()  # before any room asks the database
        register(Keys())
