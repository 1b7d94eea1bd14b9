"""Databases for tests: real servers, the real roles, one throw-away pair of databases per test process.

The migrated schema is kept as a template database named by a hash of the migrations, so a test process starts by cloning it.
"""

import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DATA_DIR", str(_ROOT / ".data-test"))
os.environ.setdefault("CDP_TEST_FSYNC_OFF", "1")
# Hundreds of processes are started here: they keep their compiled modules, which some machines are told not to write.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Not in pyproject.toml: pytest-django would read the settings, and start servers, before the lines above.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

import django

django.setup()

import psycopg
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from psycopg import sql

PBKDF2PasswordHasher.iterations = 1_000  # nobody guesses the passwords of tests; a million take half a second each


@functools.cache
def _migrations_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(_ROOT.glob("**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


BOTH = ["default", "vault"]
REMEMBER = (
    "cdp.vault.keys", "cdp.vault.blind", "cdp.catalogue.snapshot", "cdp.sources.lookup", "cdp.access.keys",
    "cdp.events.months",
)  # fmt: skip
_MINE = (f"test_{os.getpid()}_main", f"test_{os.getpid()}_vault")


def _admin() -> "psycopg.Connection[Any]":
    from django.conf import settings

    return psycopg.connect(settings.ADMIN_DATABASE_URL, autocommit=True)


def _templates() -> tuple[str, str]:
    return f"cdp_template_{_migrations_hash()}", f"cdp_vault_template_{_migrations_hash()}"


def _provision(main: str, vault: str) -> None:
    """Roles, databases and rights of an installation, as for any other PostgreSQL."""
    from django.conf import settings

    from cdp.operations.embedded.provision import provision

    parts = {"owner": "owner", "app": "default", "vault": "vault"}
    roles = {role: settings.DATABASES[alias]["USER"] for role, alias in parts.items()}
    passwords = {settings.DATABASES[alias]["USER"]: settings.DATABASES[alias]["PASSWORD"] for alias in parts.values()}
    provision(settings.ADMIN_DATABASE_URL, {"main": main, "vault": vault}, roles, passwords)


def _point(main: str, vault: str) -> None:
    """Every alias of this process now means these databases."""
    from django.conf import settings
    from django.db import connections

    for alias, name in (("default", main), ("owner", main), ("vault", vault)):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        settings.DATABASES[alias]["NAME"] = name


def _clone(admin: "psycopg.Connection[Any]") -> None:
    """(Re-)creates this process's two databases from the templates."""
    from django.conf import settings

    for name, alias, template in zip(_MINE, ("owner", "vault"), _templates(), strict=True):
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        owner = settings.DATABASES[alias]["USER"]
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)))
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    # A clone has the rights of its template on everything inside, but not on the database itself.
    grant = sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}")
    app = settings.DATABASES["default"]["USER"]
    admin.execute(grant.format(sql.Identifier(_MINE[0]), sql.Identifier(app)))


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    from django.core.management import call_command

    templates = _templates()
    with django_db_blocker.unblock(), _admin() as admin:
        admin.execute("SELECT pg_advisory_lock(7041)")  # one process at a time makes or copies a template
        have = {row[0] for row in admin.execute("SELECT datname FROM pg_database")}
        if not set(templates) <= have:
            for name in templates:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            _provision(*templates)
            _point(*templates)
            try:
                call_command("migrate", database="vault", verbosity=0)
                call_command("migrate", database="owner", verbosity=0)
            except BaseException:
                _point(*_MINE)
                for name in templates:
                    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
                raise
            _point(*_MINE)
        _clone(admin)
        admin.execute("SELECT pg_advisory_unlock(7041)")
        _point(*_MINE)
        _remember_seeds()
    yield
    with django_db_blocker.unblock(), _admin() as admin:
        _point(*_MINE)
        for name in _MINE:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


_LONG = {"installation", "places", "place", "server"}  # fixtures of processes: an installation, a web server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that may touch a database may touch the vault's too. What takes long comes first: workers end together."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and not marker.kwargs.get("databases"):
            item.add_marker(pytest.mark.django_db(databases=BOTH, **marker.kwargs), append=False)
    items.sort(key=lambda item: not _LONG & set(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What a process remembers (keys, catalogue, sources) must not outlive the rows of one test."""
    from importlib import import_module

    yield
    for room in (
        "cdp.vault.keys",
        "cdp.vault.blind",
        "cdp.catalogue.snapshot",
        "cdp.sources.lookup",
        "cdp.access.keys",
        "segments.live",
    ):
        try:
            module = import_module(room)
        except ModuleNotFoundError:
            continue
        module.forget()


@pytest.fixture
def clean(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """For tests whose commits must be real (threads, other processes): afterwards all rows are as the migrations left them.

    Do not combine with the `django_db` mark."""
    yield from _cleaned(django_db_blocker)


@pytest.fixture(scope="module")
def clean_module(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The same, for a world that all tests of a module share."""
    yield from _cleaned(django_db_blocker)


def _cleaned(blocker: Any) -> Iterator[None]:
    from django.db import connections

    with blocker.unblock():
        yield
        for alias in connections:
            connections[alias].close()
        for name in _MINE:
            _restore(name)


_seeds: dict[str, dict[str, bytes]] = {}
_tables: dict[str, set[str]] = {}
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
_GUARDS = (
    "SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger WHERE tgenabled = 'A' AND NOT tgisinternal"
)


def _rows(database: "psycopg.Connection[Any]", table: str) -> bytes:
    with database.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as copy:
        return b"".join(bytes(block) for block in copy)


def _filled(database: "psycopg.Connection[Any]") -> list[str]:
    tables = [row[0] for row in database.execute(_TABLES)]
    probe = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables)
    return [row[0] for row in database.execute(probe)]


def _restore(name: str) -> None:
    """Empties what a test filled and puts back what the migrations had put in. As the superuser, for nobody else could:
    some tables may only be appended to. Dropping and cloning the database instead would wait for a checkpoint each time."""
    from django.conf import settings

    with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name) as database:
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        seeds = _seeds[name]
        for table in {row[0] for row in database.execute(_TABLES)} - _tables[name]:
            database.execute(f"DROP TABLE {table} CASCADE")
        changed = [table for table in _filled(database) if seeds.get(table) != _rows(database, table)]
        if not changed and all(_rows(database, table) == rows for table, rows in seeds.items()):
            return
        guards = list(database.execute(_GUARDS))
        for table, trigger in guards:
            database.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        if changed:
            database.execute(f"TRUNCATE {', '.join(changed)} CASCADE")
        database.execute("SET LOCAL session_replication_role = replica")  # rows come back in any order of foreign keys
        for table, rows in seeds.items():
            if _rows(database, table) != rows:
                with database.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        for table, trigger in guards:
            database.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def _remember_seeds() -> None:
    from django.conf import settings

    for name in _MINE:
        with psycopg.connect(settings.ADMIN_DATABASE_URL, dbname=name) as database:
            _tables[name] = {row[0] for row in database.execute(_TABLES)}
            _seeds[name] = {table: _rows(database, table) for table in _filled(database)}


@pytest.fixture
def child_environment() -> dict[str, str]:
    """The environment for a process that a test starts: the same servers, keyring and test databases as here."""
    from django.conf import settings

    def url(alias: str) -> str:
        from urllib.parse import quote

        it = settings.DATABASES[alias]
        return (
            f"postgresql://{quote(it['USER'])}:{quote(it['PASSWORD'])}@/{it['NAME']}"
            f"?host={quote(str(it['HOST']), safe='')}&port={it['PORT']}"
        )

    return os.environ | {
        "DATABASE_URL": url("default"),
        "OWNER_DATABASE_URL": url("owner"),
        "VAULT_DATABASE_URL": url("vault"),
        "BROKER_URL": settings.CELERY_BROKER_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATA_DIR": str(settings.DATA_DIR),
        "KEYRING": str(settings.KEYRING),
        "WORKER_PROCESSES": "1",  # two tests run at once
    }
