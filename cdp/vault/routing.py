"""Which database a room's rows live in: the vault's keys apart from everything they open."""

from typing import Any

VAULT = "vault"
OWNER = "owner"


class Router:
    """App `vault` to the database `vault`; all else to `default` (rows) and `owner` (the same database: its schema)."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """The alias that holds the rows of this model."""
        return VAULT if model._meta.app_label == VAULT else "default"

    db_for_write = db_for_read

    def allow_relation(self, left: Any, right: Any, **hints: Any) -> bool:
        """No relation crosses into the vault."""
        return bool((left._meta.app_label == VAULT) == (right._meta.app_label == VAULT))

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """The vault's role makes the vault's tables, the owner all others; the application's role makes none."""
        if db == VAULT:
            return app_label == VAULT
        return db == OWNER and app_label != VAULT
