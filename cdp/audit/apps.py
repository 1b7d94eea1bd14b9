"""The audit trail's place among the rooms."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registers the trail as a holder of what was done with people's data."""

    name = "cdp.audit"
    verbose_name = "audit"

    def ready(self) -> None:
        """The holder looks up entries by commitment, so it must go before the vault's keys: registered after them."""
        from cdp.audit.holder import Trail
        from cdp.vault.holders import register

        register(Trail())
