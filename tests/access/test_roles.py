import io

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from cdp.access.rest import sees_identifying, sees_rounded
from cdp.access.roles import ROLES, ensure_roles, holds
from cdp.access.scopes import SCOPES, any_grants
from cdp.access.users import UnknownRole, create_user
from cdp.audit.models import Pending

from .conftest import BY

pytestmark = pytest.mark.django_db

OPENS = {
    "admin": {"segments:read", "sources:read", "sources:write", "catalogue:read", "catalogue:write"},
    "steward": {
        "profiles:read",
        "profiles:write",
        "profiles:reveal",
        "groups:read",
        "segments:read",
        "consents:read",
        "sources:read",
        "sources:write",
        "catalogue:read",
        "catalogue:write",
        "merges:read",
        "merges:write",
    },
    "marketer": {
        "profiles:read",
        "groups:read",
        "segments:read",
        "segments:write",
        "consents:read",
        "sources:read",
        "catalogue:read",
    },
    "analyst": {"segments:read", "sources:read", "catalogue:read"},
    "compliance": {"audit:read", "consents:read", "consents:write", "sources:read", "catalogue:read"},
    "integration": {"update:write"},
}


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    ensure_roles()


def person(role: str) -> User:
    return create_user(f"some-{role}", role, by=BY)[0]


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_opens(role: str) -> None:
    user = person(role)
    assert {scope for scope in SCOPES if holds(user, scope)} == OPENS[role]
    assert sees_identifying(user) == (role == "steward")
    assert sees_rounded(user) == (role in {"admin", "analyst", "compliance"})
    assert user.is_staff == (role != "integration")


def test_every_scope_of_a_role_is_known() -> None:
    for role in ROLES.values():
        assert all(any(any_grants([held], scope) for scope in SCOPES) for held in role.scopes)


def test_only_stewards_and_marketers_reach_profiles_in_admin() -> None:
    may = {role for role in ROLES if person(role).has_perm("identity.view_profile")}
    assert may == {"steward", "marketer"}
    assert {role for role in ROLES if person(role).has_perm("audit.view_entry")} == {"compliance"}
    assert {role for role in ROLES if person(role).has_perm("access.add_apikey")} == {"admin"}


def test_ensuring_again_changes_nothing_and_takes_back_what_was_added() -> None:
    group = Group.objects.get(name="analyst")
    before = set(group.permissions.values_list("pk", flat=True))
    group.permissions.add(*Group.objects.get(name="steward").permissions.all())
    ensure_roles()
    assert set(group.permissions.values_list("pk", flat=True)) == before


def test_a_superuser_gets_no_sight_of_people() -> None:
    assert not sees_identifying(User.objects.create_superuser("root"))


def test_nobody_and_the_unknown_role() -> None:
    assert not holds(None, "segments:read")
    with pytest.raises(UnknownRole, match="steward"):
        create_user("x", "king", by=BY)


def test_creating_again_replaces_role_and_password() -> None:
    create_user("alice", "analyst", "first-secret", by=BY)
    user, password = create_user("alice", "marketer", by=BY)
    assert [group.name for group in user.groups.all()] == ["marketer"]
    assert user.check_password(password)
    entries = [row.entry for row in Pending.objects.order_by("id")]
    assert [entry["action"] for entry in entries] == ["user.create", "user.reset"]
    assert "alice" not in str(entries)
    assert password not in str(entries)


def test_the_command() -> None:
    out = io.StringIO()
    call_command("create_user", "bob", role="steward", generate=True, stdout=out, stderr=io.StringIO())
    assert User.objects.get(username="bob").check_password(out.getvalue().strip())


def test_a_session_opens_the_rest_doors_of_its_role() -> None:
    client = Client()
    client.force_login(person("analyst"))
    assert client.get("/api/v1/sources/").status_code == 200
    assert client.post("/api/v1/sources/", {}, content_type="application/json").status_code == 403
    assert client.get("/api/v1/audit/entries/").status_code == 403
