"""Keys and what they open live in two databases, and each is entered by its own role only."""

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

from cdp.vault.models import DataKey
from cdp.vault.routing import Router

ROUTER = Router()


@pytest.mark.parametrize("model", apps.get_models())
def test_only_the_vaults_models_live_in_the_vault(model: type) -> None:
    alias = "vault" if model._meta.app_label == "vault" else "default"  # type: ignore[attr-defined]
    assert ROUTER.db_for_read(model) == alias
    assert ROUTER.db_for_write(model) == alias


def test_schemas_are_made_by_their_owners() -> None:
    may = {
        (db, app) for db in ("default", "owner", "vault") for app in ("vault", "audit") if ROUTER.allow_migrate(db, app)
    }
    assert may == {("vault", "vault"), ("owner", "audit")}


@pytest.mark.django_db
def test_each_database_has_its_own_tables_only() -> None:
    def tables(alias: str) -> set[str]:
        return set(connections[alias].introspection.table_names()) - {"django_migrations"}

    assert tables("vault") == {"vault_datakey", "vault_epoch", "vault_systemkey"}
    assert not {name for name in tables("default") if name.startswith("vault_")}
    assert DataKey.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "database"), [("default", "vault"), ("owner", "vault"), ("vault", "default")])
def test_no_role_enters_the_other_database(role: str, database: str) -> None:
    it = settings.DATABASES[role]
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(
            dbname=settings.DATABASES[database]["NAME"],
            user=it["USER"],
            password=it["PASSWORD"],
            host=it["HOST"],
            port=it["PORT"],
        )
