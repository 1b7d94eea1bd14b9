"""The connectors' Django app."""

from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    """Registers what this room keeps of people."""

    name = "cdp.connectors"

    def ready(self) -> None:
        """The holder answers for the runs."""
        from cdp.connectors.holder import Runs
        from cdp.vault.holders import register

        register(Runs())
