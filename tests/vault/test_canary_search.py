"""The search for canaries finds one planted in each place, in each disguise: else its silence would prove nothing."""

import base64
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connections

from tests.vault.canary import _disguises, _search, _wal, find

OWN_FILES = pytest.mark.skipif(
    "ADMIN_DATABASE_URL" in os.environ, reason="the server's files are not ours to read: run with the embedded servers"
)


def names() -> list[str]:
    return [settings.DATABASES["default"]["NAME"], settings.DATABASES["vault"]["NAME"]]


def canary() -> str:
    return f"Zoë+{secrets.token_hex(8)}@Canary.Example"


@pytest.fixture
def began() -> float:
    return time.time()


@pytest.mark.parametrize(
    "disguise",
    [
        str.encode,
        lambda text: text.upper().encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: base64.b64encode(b"12" + text.lower().encode() + b"345"),
        lambda text: base64.b64encode(b"1" + text.encode() + b"345"),
        lambda text: base64.urlsafe_b64encode(text.encode() + b"345"),
        lambda text: b'{"a": "' + text.replace("ë", "\\u00eb").encode() + b'"}',
        lambda text: text.replace("ë", "%C3%AB").replace("+", "%2B").replace("@", "%40").encode(),
    ],
)
def test_each_disguise_is_seen_through_and_across_chunks(disguise: Callable[[str], bytes]) -> None:
    value = canary()
    disguises = _disguises(value.encode())
    hay = b"-" * 40 + disguise(value) + b"-" * 40
    for cut in range(len(hay)):
        assert _search([hay[:cut], hay[cut:]], disguises), cut
    assert _search([b"-" * 400], disguises) == []


def test_clean_places_are_clean(clean: None, began: float) -> None:
    assert _find(canary(), began, broker=False) == []


@OWN_FILES
def test_found_in_every_place(clean: None, tmp_path: Path, began: float) -> None:
    main, value = names()[0], canary()
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE planted (kind text, value text, bytes bytea)")
        cursor.execute("INSERT INTO planted SELECT 'text', %s, NULL FROM generate_series(1, 200)", [value])
        cursor.execute("INSERT INTO planted VALUES ('bytes', NULL, %s)", [value.encode()])
        cursor.execute("CREATE INDEX planted_value ON planted (value)")
        cursor.execute("ANALYZE planted")
        cursor.execute("SELECT pg_relation_filepath('planted'), pg_relation_filepath('planted_value')")
        heap, index = cursor.fetchone()
    with connections["vault"].cursor() as cursor:
        cursor.execute("INSERT INTO vault_epoch (number, provider, key_id) VALUES (9, 'local', %s)", [value])
    log, upload = tmp_path / "worker.log", settings.DATA_DIR / f"upload-{secrets.token_hex(4)}.csv"
    log.write_text(f"failed for {value.lower()}")
    upload.write_bytes(b"x" * 5_000_000 + value.encode())
    try:
        found = _find(value, began, log)
    finally:
        upload.unlink()
    assert any(place.startswith("WAL ") for place in found)
    for place in (
        f"table {main}.public.planted: UTF-8",
        f"table {main}.public.planted: hex",
        f"table {main}.pg_catalog.pg_statistic: UTF-8",
        f"table {names()[1]}.public.vault_epoch: UTF-8",
        f"dump of {main}: UTF-8",
        f"file {upload}: UTF-8",
        f"file {log}: lower case UTF-8",
    ):
        assert place in found
    for path in (heap, index):
        assert any(place.startswith("file ") and f"/{path}: " in place for place in found)


@OWN_FILES
def test_deleted_rows_are_found_in_the_files(clean: None, began: float) -> None:
    """Why a value must never have been written in clear: after DELETE and VACUUM it is still there."""
    value = canary()
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE planted (value text)")
        cursor.execute("INSERT INTO planted VALUES (%s)", [value])
        cursor.execute("DELETE FROM planted")
        cursor.execute("VACUUM planted")
    found = _find(value, began, broker=False)
    assert found
    assert all(place.startswith(("file ", "WAL ")) for place in found)


def test_found_in_the_broker(began: float) -> None:
    if not settings.CELERY_BROKER_URL.startswith("redis"):
        pytest.skip("needs Valkey or Redis as the broker: unset BROKER_URL to start the embedded one")
    value, key = canary(), f"planted-{secrets.token_hex(4)}"
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://"))
    plants: dict[str, Callable[[str], object]] = {
        "string": lambda name: client.set(name, value),
        "list": lambda name: client.lpush(name, "other", base64.b64encode(value.encode())),
        "set": lambda name: client.sadd(name, value),
        "hash": lambda name: client.hset(name, value, "1"),
        "zset": lambda name: client.zadd(name, {value: 1.0}),
        "stream": lambda name: client.xadd(name, {"body": value}),
        value: lambda name: client.set(name, "in the key"),
    }
    try:
        for kind, plant in plants.items():
            plant(f"{key}-{kind}")
        found = _find(value, began)
    finally:
        client.delete(*(f"{key}-{kind}" for kind in plants))
        client.close()
    for kind in plants:
        assert any(place.startswith("broker ") and repr(f"{key}-{kind}".encode()) in place for place in found)


def _find(value: str, began: float, *files: Path, broker: bool = True) -> list[str]:
    return find(
        value.encode(),
        settings.DATA_DIR,
        settings.ADMIN_DATABASE_URL,
        names(),
        broker_url=settings.CELERY_BROKER_URL if broker else None,
        files=files,
        since=began,
    )


def test_wal_is_read_without_the_page_headers_that_cut_through_records(tmp_path: Path) -> None:
    value = canary().encode()
    segment = tmp_path / "000000010000000000000001"
    body = b"." * (8192 - 40 - 10) + value + b"." * 20_000
    pages = [b"H" * 40 + body[: 8192 - 40]]
    rest = body[8192 - 40 :]
    pages += [b"h" * 24 + rest[start : start + 8192 - 24] for start in range(0, len(rest), 8192 - 24)]
    segment.write_bytes(b"".join(pages))
    assert value not in segment.read_bytes()
    assert value in b"".join(_wal(segment))
