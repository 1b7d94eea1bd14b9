"""The room of groups."""

from django.apps import AppConfig


class GroupsConfig(AppConfig):
    """Registers the holder of memberships in groups."""

    name = "cdp.groups"
    verbose_name = "groups"

    def ready(self) -> None:
        """Called by Django once models are loaded."""
        from cdp.groups.holder import Groups
        from cdp.vault.holders import register

        register(Groups())
