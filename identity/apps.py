"""Identity's place among the rooms."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Registers the holder of records, evidence and profiles, and what consent asks it."""

    name = "identity"
    verbose_name = "identity"

    def ready(self) -> None:
        """The registry asks holders in the order of the rooms."""
        from cdp.vault.holders import register
        from consent import reach
        from identity.holder import People
        from identity.reach import known

        register(People())
        reach.register(known)
