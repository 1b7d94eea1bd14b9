from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

from cdp.access import keys
from cdp.access.models import ApiKey
from cdp.access.roles import ROLES, ensure_roles
from cdp.access.users import create_user
from cdp.audit.models import Pending

from .conftest import BY

pytestmark = pytest.mark.django_db
USER = "/admin/auth/user/"
KEY = "/admin/access/apikey/"


def entries() -> list[dict[str, object]]:
    return [row.entry for row in Pending.objects.order_by("id")]


@pytest.fixture(autouse=True)
def plain(settings: Any) -> None:
    """Without the console's home page and navigation, which stand above this room."""
    settings.UNFOLD = settings.UNFOLD | {"SIDEBAR": {"show_all_applications": True}, "DASHBOARD_CALLBACK": None}


@pytest.fixture
def as_role(db: None) -> Callable[[str], Client]:
    ensure_roles()

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(create_user(f"some-{role}", role, by=BY)[0])
        Pending.objects.all().delete()
        return client

    return sign_in


def test_signing_in_with_a_password_and_being_locked_out(as_role: Callable[[str], Client]) -> None:
    _, password = create_user("dora", "analyst", by=BY)
    page = Client().get("/admin/login/")
    assert b"depends on your role" in page.content
    form = {"username": "dora", "password": password}
    assert Client().post("/admin/login/", form)["Location"] == "/admin/"
    for _ in range(5):
        locked = Client().post("/admin/login/", form | {"password": "wrong"})
    assert locked.status_code == 429
    assert Client().post("/admin/login/", form).status_code == 429


@pytest.mark.parametrize("role", ROLES)
def test_who_reaches_users_and_keys(as_role: Callable[[str], Client], role: str) -> None:
    client = as_role(role)
    assert client.get(USER).status_code == (200 if role == "admin" else 302 if role == "integration" else 403)
    assert (client.get(KEY).status_code == 200) == (role in {"admin", "compliance"})
    assert (client.get(KEY + "add/").status_code == 200) == (role == "admin")


def test_a_user_is_made_with_a_role_and_an_entry_without_values(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    groups = [Group.objects.get(name="steward").pk]
    form = {"username": "alice.archer", "password1": "long-enough-7", "password2": "long-enough-7", "groups": groups}
    assert b"Data steward" in client.get(USER + "add/").content
    assert client.post(USER + "add/", form).status_code == 302
    user = User.objects.get(username="alice.archer")
    assert user.is_staff
    entry = entries()[-1]
    assert (entry["action"], entry["object_id"], entry["details"]) == ("user.add", str(user.pk), {"roles": ["steward"]})
    assert entry["actor_kind"] == "user"
    assert entry["role"] == "admin"
    assert "alice" not in str(entries())
    assert not LogEntry.objects.exists()


def test_changing_and_deleting_a_user(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    user, _ = create_user("bob", "steward", by=BY)
    page = f"{USER}{user.pk}/change/"
    assert client.get(page).status_code == 200
    groups = [Group.objects.get(name="integration").pk]
    assert client.post(page, {"username": "bob", "groups": groups, "is_active": "on"}).status_code == 302
    user.refresh_from_db()
    assert not user.is_staff
    assert entries()[-1]["fields"] == ["groups"]
    password = {"password1": "long-enough-8", "password2": "long-enough-8", "usable_password": "true"}
    assert client.get(f"{USER}{user.pk}/password/").status_code == 200
    assert client.post(f"{USER}{user.pk}/password/", password).status_code == 302
    assert entries()[-1]["action"] == "user.change"
    form = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    assert client.post(USER, form).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()
    assert entries()[-1]["action"] == "user.delete"
    assert client.get(f"{USER}").status_code == 200


def test_nobody_gives_themselves_a_role_or_takes_over_a_superuser(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    me, root = User.objects.get(username="some-admin"), User.objects.create_superuser("root", password="x")
    steward = Group.objects.get(name="steward").pk
    client.post(f"{USER}{me.pk}/change/", {"username": me.username, "groups": [steward], "is_active": "on"})
    assert [group.name for group in me.groups.all()] == ["admin"]
    assert (
        client.post(
            f"{USER}{root.pk}/password/", {"password1": "a-long-one-9", "password2": "a-long-one-9"}
        ).status_code
        == 403
    )
    assert client.post(f"{USER}{root.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_is_shown_once(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    form = {"name": "crm", "scopes": ["segments:read", "sources:*"], "purpose": "operate", "source_ids": ""}
    shown = client.post(KEY + "add/", form)
    key = ApiKey.objects.get()
    token = shown.content.decode().partition("cdp_")[2].partition("<")[0]
    assert keys.authenticate("cdp_" + token, at=key.created_at) == key
    assert "no-store" in shown["Cache-Control"]
    assert [entry["action"] for entry in entries()] == ["key.create"]
    for page in (KEY, f"{KEY}{key.pk}/change/"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert token not in answer.content.decode()


def test_rotating_and_revoking(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    old, _ = keys.create_key("crm", ["read"], BY)
    shown = client.post(KEY, {"action": "rotate", "_selected_action": [old.pk]})
    assert b"cdp_" in shown.content
    old.refresh_from_db()
    assert old.replaced_by is not None
    client.post(KEY, {"action": "revoke", "_selected_action": [old.pk]})
    old.refresh_from_db()
    assert old.revoked_at is not None
    assert [entry["action"] for entry in entries()][-2:] == ["key.rotate", "key.revoke"]


def test_a_compliance_officer_reads_keys_but_changes_none(as_role: Callable[[str], Client]) -> None:
    client = as_role("compliance")
    key, _ = keys.create_key("crm", ["read"], BY)
    client.post(KEY, {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is None
    assert client.get(f"{KEY}{key.pk}/change/").status_code == 200


def test_roles_are_shown_and_not_changed(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    group = Group.objects.get(name="steward")
    assert b"Data steward" in client.get("/admin/auth/group/").content
    assert client.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200
    assert client.get("/admin/auth/group/add/").status_code == 403
