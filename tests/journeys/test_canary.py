"""No identifying value reaches a table, an index, the write-ahead log, statistics, a dump, the broker, a log or a file in clear.

A canary goes into every field of the wire, names of keys included, and into a file's cells and name; then everything that the
installation keeps is searched for it, in the usual disguises. What a person declared as a fact is the one exception.
"""

import base64
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cdp.operations import embedded
from tests.installation import Installation, installation
from tests.vault.canary import find

__all__ = ["installation"]


def _word() -> str:
    return "canary" + secrets.token_hex(8)


def _events(word: str) -> Iterator[dict[str, object]]:
    """One event of each type with the canary everywhere; each type has ids of its own, so that all are new records."""
    nested = {
        word: word,
        "list": [word, {word: word}],
        "email": f"{word}@example.com",
        "currency": word,
        "country": word,
    }
    for kind in ("identify", "track", "page", "screen", "group", "alias"):
        yield {
            "type": kind,
            "messageId": f"{word}-{kind}",
            "userId": f"{word}-{kind}-u",
            "anonymousId": f"{word}-{kind}-a",
            "previousId": f"{word}-{kind}-p",
            "groupId": f"{word}-g",
            "event": f"Bought {word}",
            "name": f"Page {word}",
            "category": word,
            "traits": {
                "firstName": word,
                "phone": "+1 202 555 0177",
                "address": {"street": word, word: word},
                **nested,
            },
            "properties": {
                "url": f"https://example.com/{word}",
                "title": word,
                "products": [{"name": word, word: 1}],
                **nested,
            },
            "context": {
                "ip": word,
                "userAgent": word,
                "traits": {"email": f"{word}2@example.com"},
                "externalIds": [{"id": word, "type": "customer_number"}, {"id": word, "type": word}],
                "consent": {
                    "categoryPreferences": {word: True},
                    "decisions": [
                        {"purpose": word, "status": "granted", "notice": word, "method": word, "channel": word}
                    ],
                },
                **nested,
            },
            "integrations": {word: True},
            word: word,
        }


def _bad_bodies(word: str) -> Iterator[bytes]:
    yield f'{{"broken": "{word}"'.encode()
    yield json.dumps({"batch": [{"type": word, "userId": word}, {"type": "track", "userId": word}, word]}).encode()
    yield json.dumps(
        {"batch": [{"type": "track", "event": word, "userId": word, "timestamp": word, word: word}]}
    ).encode()


def _post(it: Installation, path: str, body: bytes, key: str) -> int:
    token = base64.b64encode(f"{key}:".encode()).decode()
    request = urllib.request.Request(it.url + path, data=body, headers={"Authorization": f"Basic {token}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_no_canary_is_found_anywhere(installation: Installation, tmp_path: Path) -> None:
    it, word = installation, _word()
    it.environment["LOG_LEVEL"] = "DEBUG"
    it.up()
    write_key = it.secret("create_source", "shop", prefix="wk_")
    key = it.secret("create_key", "canary", "--scope", "*", "--purpose", "operate", prefix="cdp_")
    assert _post(it, "/v1/batch", json.dumps({"batch": list(_events(word))}).encode(), write_key) == 200
    for body in _bad_bodies(word):
        assert _post(it, "/v1/batch", body, write_key) < 500
    assert _post(it, f"/v1/{word}", b"{}", word) < 500
    file, mapping = tmp_path / f"{word}.csv", tmp_path / "map.json"
    file.write_text(f"id,mail,note\n{word}-1,{word}3@example.com,{word}\n,{word},{word}\n")
    mapping.write_text(
        json.dumps({"format": "csv", "type": "identify", "user_id": "id", "traits": {"email": "mail", "x": "note"}})
    )
    it.made("import_file", str(file), "--source", "shop", "--mapping", str(mapping))

    sources = it.get("/api/v1/sources/", key)[1]["results"]
    path = f"/api/v1/sources/{sources[0]['id']}/reconciliation/"
    it.wait(lambda: it.get(path, key)[1]["pending"] == 0, seconds=30)
    assert it.get(path, key)[1]["stored"] == 7
    status, profile = it.call(
        "POST", "/api/v1/profiles/lookup/", {"kind": "email", "value": f"{word}@example.com"}, key
    )
    assert status == 200
    assert word in json.dumps(profile)  # who may see it, sees it
    for door in ("", "timeline/", "provenance/", "consents/"):
        assert it.get(f"/api/v1/profiles/{profile['id']}/{door}", key)[0] == 200
    it.call(
        "POST",
        "/api/v1/consents/",
        {"kind": "email", "value": f"{word}@example.com", "purpose": word, "status": word},
        key,
    )
    it.call("POST", "/api/v1/segments/", {"key": word, "rule": {"trait": word, "is": word}}, key)

    servers = embedded.ensure(it.data_dir)
    found = find(
        word.encode(),
        it.data_dir,
        servers.admin_url,
        ["cdp", "cdp_vault"],
        broker_url=servers.broker_url,
        files=[tmp_path / "up.log"],
    )
    assert found == []
