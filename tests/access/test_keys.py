import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from cdp.access import keys
from cdp.access.models import ApiKey
from cdp.audit.models import Pending

from .conftest import BY

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.doors")]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def audited() -> list[str]:
    return [row.entry["action"] for row in Pending.objects.order_by("id")]


def test_a_key_opens_the_door_of_its_scope_only(client_with: Callable[..., Client]) -> None:
    client = client_with("segments:read")
    assert client.get("/api/v1/open/").status_code == 200
    refused = client.post("/api/v1/open/", {}, content_type="application/json")
    assert refused.status_code == 403
    assert "segments:write" in refused.json()["detail"]
    assert audited()[-1] == "access.deny"


def test_without_a_key_and_with_a_wrong_one(client_with: Callable[..., Client]) -> None:
    for headers in ({}, {"authorization": "Bearer cdp_0000_wrong"}, {"authorization": "Bearer"}):
        response = Client(headers=headers).get("/api/v1/open/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
        assert response["Content-Type"] == "application/problem+json"


def test_a_view_without_a_scope_stays_shut(client_with: Callable[..., Client]) -> None:
    assert client_with("*").get("/api/v1/nameless/").status_code == 403


def test_reveal_is_asked_for_by_name_or_star(client_with: Callable[..., Client]) -> None:
    assert client_with("read").get("/api/v1/open/").json() == {"sees_identifying": False}
    assert client_with("read", "profiles:reveal").get("/api/v1/open/").json() == {"sees_identifying": True}


def test_the_token_is_not_kept() -> None:
    key, token = keys.create_key("crm", ["read"], BY)
    secret = token.partition(f"_{key.prefix}_")[2]  # which may itself hold a "_"
    assert len(secret) > 40
    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert all(
        secret not in str(value) and secret.encode() not in bytes(str(value), "utf8") for value in stored.values()
    )
    assert audited() == ["key.create"]


def test_expired_and_revoked_keys_open_nothing_at_once() -> None:
    key, token = keys.create_key("crm", ["read"], BY, expires_at=NOW + timedelta(hours=1))
    assert keys.authenticate(token, at=NOW) == key
    assert keys.authenticate(token, at=NOW + timedelta(hours=1)) is None
    assert keys.revoke(key, by=BY, at=NOW)
    assert keys.authenticate(token, at=NOW) is None
    assert not keys.revoke(key, by=BY, at=NOW)
    assert audited() == ["key.create", "key.revoke"]


def test_rotation_overlaps_and_keeps_the_rights() -> None:
    old, token = keys.create_key("crm", ["read"], BY, purpose="analytics")
    new, successor = keys.rotate(old, by=BY, at=NOW, overlap=timedelta(hours=2))
    assert (new.scopes, new.purpose) == (old.scopes, "analytics")
    assert keys.authenticate(token, at=NOW + timedelta(hours=1)) == old
    assert keys.authenticate(token, at=NOW + timedelta(hours=2)) is None
    assert keys.authenticate(successor, at=NOW + timedelta(hours=2)) == new
    with pytest.raises(ValueError):
        keys.rotate(old, by=BY, at=NOW)


def test_last_use_is_noted_at_most_once_a_minute() -> None:
    key, token = keys.create_key("crm", ["read"], BY)
    for seconds, noted in ((0, 0), (30, 0), (61, 61)):
        keys.authenticate(token, at=NOW + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=noted)


def test_the_command_prints_the_key_once() -> None:
    out = io.StringIO()
    call_command(
        "create_key", "warehouse", scope=["profiles:read", "segments"], expires="90d", stdout=out, stderr=io.StringIO()
    )
    key = ApiKey.objects.get()
    assert key.scopes == ["profiles:read", "segments"]
    assert key.expires_at is not None
    assert keys.authenticate(out.getvalue().strip(), at=datetime.now(UTC)) == key


@pytest.mark.parametrize(
    "options",
    [{"scope": ["people"]}, {"scope": []}, {"scope": ["*"], "expires": "soon"}, {"scope": ["*"], "source": ["crm"]}],
)
def test_the_command_says_what_is_wrong(options: dict[str, object]) -> None:
    with pytest.raises(CommandError, match=r"scope|expires|source"):
        call_command("create_key", "warehouse", **options)
    assert not ApiKey.objects.exists()
