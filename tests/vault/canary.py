"""Looks for a value everywhere an installation could have left it in clear, in every usual disguise."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import redis
from psycopg import sql

from cdp.operations.embedded.postgres import binaries

CHUNK = 4 * 1024 * 1024
WAL_PAGE, WAL_LONG, WAL_SHORT = 8192, 40, 24  # xlog_internal.h: the first page of a segment has the longer header


def find(
    canary: bytes,
    data_dir: Path,
    admin_url: str,
    databases: Sequence[str],
    *,
    broker_url: str | None = None,
    files: Iterable[Path] = (),
    since: float = 0.0,
) -> list[str]:
    """Every place that holds the canary, as `place: disguise`; an empty list is what one wants.

    `databases` are names on the server of `admin_url` (a superuser's), `files` more files or folders to look at. The
    canary should be long and random, so that no place holds it by chance. It was thought up at `since` (seconds since 1970):
    segments of the write-ahead log that nobody wrote to since are not read; a server of many tests keeps gigabytes of them.
    """
    disguises = _disguises(canary)
    found: list[str] = []

    def look(place: str, chunks: Iterable[bytes]) -> None:
        found.extend(f"{place}: {name}" for name in _search(chunks, disguises))

    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("CHECKPOINT")  # what is only in shared buffers gets to the files
        rows = admin.execute("SELECT datname, oid::text FROM pg_database WHERE datname = ANY(%s)", [list(databases)])
        oids = {oid: name for name, oid in rows}
    for name in databases:
        for table, chunks in _tables(admin_url, name):
            look(f"table {name}.{table}", chunks)
        look(f"dump of {name}", _dump(admin_url, name))
    for path in _files(data_dir, set(oids)):
        if path.parent.name == "pg_wal" and _written(path) < since:
            continue
        look(f"file {path}", _read(path))
        if path.parent.name == "pg_wal":
            look(f"WAL {path}", _wal(path))
    for extra in files:
        for path in [extra] if extra.is_file() else _files(extra, set()):
            look(f"file {path}", _read(path))
    if broker_url:
        for key, chunks in _broker(broker_url):
            look(f"broker {key}", chunks)
    return found


def _disguises(canary: bytes) -> dict[str, bytes]:
    text = canary.decode()
    plain = {"": text, "lower case ": text.lower(), "upper case ": text.upper()}
    forms: dict[str, bytes] = {}
    for case, value in plain.items():
        raw = value.encode()
        forms[f"{case}UTF-8"] = raw
        forms[f"{case}UTF-16"] = value.encode("utf-16-le")
        forms[f"{case}hex"] = raw.hex().encode()
        forms[f"{case}HEX"] = raw.hex().upper().encode()
        forms[f"{case}URL"] = quote(value, safe="").encode()
        forms[f"{case}form"] = quote_plus(value).encode()
        forms[f"{case}JSON"] = json.dumps(value)[1:-1].encode()
        for shift in range(3):
            forms[f"{case}base64+{shift}"] = _base64(raw, shift)
            forms[f"{case}base64url+{shift}"] = _base64(raw, shift).translate(bytes.maketrans(b"+/", b"-_"))
    named: dict[bytes, str] = {}
    for name, form in forms.items():
        named.setdefault(form, name)  # two disguises that look the same have one name
    return {name: form for form, name in named.items()}


def _base64(raw: bytes, shift: int) -> bytes:
    """What is sure to stand in the base64 of any text that has `raw` at a place that is `shift` modulo 3."""
    encoded = base64.b64encode(bytes(shift) + raw)
    whole = (shift + len(raw)) * 8 // 6
    return encoded[-(-shift * 8 // 6) : whole]


def _search(chunks: Iterable[bytes], disguises: dict[str, bytes]) -> list[str]:
    longest = max(map(len, disguises.values()))
    tail, found = b"", set()
    for chunk in chunks:
        both = tail + bytes(chunk)
        found |= {name for name, form in disguises.items() if form in both}
        tail = both[-longest:]
    return sorted(found)


def _tables(admin_url: str, database: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every table, also the server's own (pg_statistic holds samples of columns), and the statements now known."""
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as connection:
        names = connection.execute(
            "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind IN ('r', 'm', 't', 'S')"
        ).fetchall()
        views = [("pg_catalog", "pg_stat_activity"), ("pg_catalog", "pg_prepared_statements")]
        for schema, name in [*names, *views]:
            source = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, name))
            yield f"{schema}.{name}", _copied(connection, source)


def _copied(connection: psycopg.Connection[Any], source: sql.Composed) -> Iterator[bytes]:
    with connection.cursor().copy(source) as copy:
        yield from _joined(bytes(row) for row in copy)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces as large ones: searching has a cost per call."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _dump(admin_url: str, database: str) -> Iterator[bytes]:
    """What pg_dump writes, where the embedded server brings one along."""
    program = binaries() / "pg_dump"
    if not program.exists():
        return
    url = psycopg.conninfo.make_conninfo(admin_url, dbname=database)
    process = subprocess.Popen([program, "--no-sync", f"--dbname={url}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    while chunk := process.stdout.read(CHUNK):
        yield chunk
    if process.wait() != 0:
        raise RuntimeError("pg_dump failed")


def _files(folder: Path, oids: set[str]) -> Iterator[Path]:
    """All files; of PostgreSQL's folders under `base` only those of the databases asked for."""
    for parent, folders, names in os.walk(folder):
        if Path(parent).name == "base" and (Path(parent).parent / "PG_VERSION").exists():
            folders[:] = [name for name in folders if name in oids or not name.isdigit()]
        yield from (Path(parent) / name for name in names)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime + 1  # clocks of file systems are coarse
    except FileNotFoundError:
        return 0.0  # recycled meanwhile


def _read(path: Path) -> Iterator[bytes]:
    try:
        if not path.is_file():
            return  # a socket
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except FileNotFoundError:
        return  # a temporary file or a WAL segment that was recycled meanwhile


def _wal(path: Path) -> Iterator[bytes]:
    """A WAL segment without its page headers, which cut through records."""
    first = True
    for chunk in _read(path):
        pages = []
        for start in range(0, len(chunk), WAL_PAGE):
            pages.append(chunk[start + (WAL_LONG if first else WAL_SHORT) : start + WAL_PAGE])
            first = False
        yield b"".join(pages)


def _broker(url: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every key of every database of Valkey, and its log of slow commands (which quotes arguments)."""
    url = url.replace("redis+socket://", "unix://")  # Celery's name for a socket
    client = redis.Redis.from_url(url, single_connection_client=True)
    keyspace: Any = client.info("keyspace")
    for number in [int(name.removeprefix("db")) for name in keyspace]:
        client.select(number)
        for key in client.scan_iter():
            yield f"{number}:{key!r}", iter([key, b"\n", _value(client, key)])
    yield "slow log", iter([repr(client.slowlog_get(1000)).encode()])
    client.close()


def _value(client: "redis.Redis", key: bytes) -> bytes:
    kind: Any = client.type(key)
    value: Any
    match kind.decode():
        case "string":
            value = [client.get(key)]
        case "list":
            value = client.lrange(key, 0, -1)
        case "set":
            value = client.smembers(key)
        case "hash":
            value = [part for pair in client.hgetall(key).items() for part in pair]
        case "zset":
            value = client.zrange(key, 0, -1)
        case _:
            value = [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair]  # type: ignore
    return b"\n".join(value)
