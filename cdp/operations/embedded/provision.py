"""Run ``provision.sql``: the roles and databases of an installation, on the embedded server or on your own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

SCRIPT = Path(__file__).with_name("provision.sql")
_VARIABLE = re.compile(r""":"(?P<name>\w+)"|:'(?P<text>\w+)'""")


def fingerprint() -> str:
    """Changes when the script changes, so that an old installation is brought up to date."""
    return hashlib.sha256(SCRIPT.read_bytes()).hexdigest()


def provision(admin_url: str, names: Mapping[str, str], roles: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    """Create or correct roles and databases.

    ``names`` has the databases ``main`` and ``vault``, ``roles`` the roles ``owner``, ``app`` and ``vault``,
    ``passwords`` a password for each role by its name. Passwords leave this process only as SCRAM verifiers, so
    that no server log or pg_stat_activity can show them. Raises psycopg.Error.
    """
    variables = {"main_database": names["main"], "vault_database": names["vault"], **roles}
    with psycopg.connect(admin_url, autocommit=True) as guard:
        # Two at once would both alter the roles, and one of them fail. The lock goes with its connection.
        guard.execute("select pg_advisory_lock(hashtext('provision'))")
        _run(admin_url, variables, roles, passwords)


def _run(admin_url: str, variables: dict[str, str], roles: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    connection = psycopg.connect(admin_url, autocommit=True)
    try:
        for key, role in roles.items():
            verifier = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            variables[f"{key}_password"] = verifier.decode()
        for action, statement in _statements(SCRIPT.read_text()):
            filled = _fill(statement, variables, connection)
            if action == "connect":
                connection.close()
                database = variables[_required(_VARIABLE.search(statement))]
                connection = psycopg.connect(admin_url, dbname=database, autocommit=True)
            elif action == "gexec":
                for (generated,) in connection.execute(filled).fetchall():
                    connection.execute(generated)
            else:
                connection.execute(filled)
    finally:
        connection.close()


def _statements(script: str) -> Iterator[tuple[str, str]]:
    """(action, text) for the part of psql's language that the script uses: ``;``, ``\\gexec`` and ``\\connect``."""
    pending: list[str] = []
    for line in script.splitlines():
        words = line.strip()
        if not words or words.startswith("--"):
            continue
        if words.startswith("\\connect"):
            yield "connect", words
            continue
        pending.append(words.removesuffix("\\gexec").removesuffix(";"))
        if words.endswith(("\\gexec", ";")):
            yield "gexec" if words.endswith("\\gexec") else "run", "\n".join(pending)
            pending = []
    if pending:
        raise ValueError("the provisioning script ends inside a statement")


def _fill(statement: str, variables: Mapping[str, str], connection: psycopg.Connection) -> sql.Composed:
    """psql's variables, quoted as psql quotes them: ``:"name"`` an identifier, ``:'text'`` a literal."""
    parts: list[sql.Composable] = []
    end = 0
    for found in _VARIABLE.finditer(statement):
        value = variables[_required(found)]
        parts.append(_verbatim(statement[end : found.start()]))
        parts.append(sql.Identifier(value) if found["name"] else _verbatim(sql.Literal(value).as_string(connection)))
        end = found.end()
    parts.append(_verbatim(statement[end:]))
    return sql.Composed(parts)


def _verbatim(text: str) -> sql.SQL:
    return sql.SQL(text)  # The script is ours; only quoted values are put into it.


def _required(found: re.Match[str] | None) -> str:
    if found is None:
        raise ValueError("the provisioning script names no database to connect to")
    return found["name"] or found["text"]
