"""Databases for tests: real servers, the real roles, one throw-away pair of databases per test process.

The migrated schema is kept as a template database named by a hash of the migrations, so a test process starts by cloning it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DATA_DIR", str(_ROOT / ".data-test"))
os.environ.setdefault("KEYRING", str(Path(tempfile.gettempdir()) / f"cdp-test-keyring-{os.getpid()}.json"))
os.environ.setdefault("CDP_TEST_FSYNC_OFF", "1")

import psycopg  # noqa: E402
import pytest  # noqa: E402
from psycopg import sql  # noqa: E402


def _migrations_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(_ROOT.glob("**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _create(admin: psycopg.Connection[Any], name: str, owner: str, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
    if template:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    admin.execute(statement)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from cdp.operations.embedded.provision import grants

    names = {alias: settings.DATABASES[alias]["NAME"] for alias in ("default", "vault")}
    users = {alias: settings.DATABASES[alias]["USER"] for alias in ("default", "owner", "vault")}
    suffix = f"{_migrations_hash()}"

    def point(main: str, vault: str) -> None:
        for alias, name in (("default", main), ("owner", main), ("vault", vault)):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
            settings.DATABASES[alias]["NAME"] = name

    templates = (f"cdp_template_{suffix}", f"cdp_vault_template_{suffix}")
    mine = (f"test_{os.getpid()}_main", f"test_{os.getpid()}_vault")
    with django_db_blocker.unblock(), psycopg.connect(settings.ADMIN_DATABASE_URL, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(7041)")
        have = {row[0] for row in admin.execute("SELECT datname FROM pg_database")}
        if not set(templates) <= have:
            for name in templates:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            _create(admin, templates[0], users["owner"], None)
            _create(admin, templates[1], users["vault"], None)
            grants(settings.ADMIN_DATABASE_URL, main=templates[0], vault=templates[1], owner=users["owner"],
                   app=users["default"], vault_role=users["vault"])
            point(*templates)
            call_command("migrate", database="owner", verbosity=0)
            call_command("migrate", database="vault", verbosity=0)
            point(*templates)
            for alias in ("default", "owner", "vault"):
                connections[alias].close()
        for name, owner, template in zip(mine, (users["owner"], users["vault"]), templates, strict=True):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            _create(admin, name, owner, template)
        grants(settings.ADMIN_DATABASE_URL, main=mine[0], vault=mine[1], owner=users["owner"], app=users["default"],
               vault_role=users["vault"])
        admin.execute("SELECT pg_advisory_unlock(7041)")
    point(*mine)
    # Child processes that a test starts (web, worker) must see the same databases.
    os.environ["CDP_TEST_DATABASES"] = ",".join(mine)
    yield
    with django_db_blocker.unblock(), psycopg.connect(settings.ADMIN_DATABASE_URL, autocommit=True) as admin:
        point(names["default"], names["vault"])
        for name in mine:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def clean(transactional_db: None) -> Iterator[None]:
    """For tests whose commits must be real (threads, other processes): every table is emptied afterwards."""
    yield
