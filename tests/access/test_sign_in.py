"""Who came in, who did not and who left stands in the audit trail, and nothing that was typed."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit.models import Pending
from tests.access.conftest import BY
from tests.people import ALICE

PASSWORD = "a password for tests"
pytestmark = pytest.mark.django_db


@pytest.fixture
def steward() -> User:
    ensure_roles()
    return create_user("steward", "steward", PASSWORD, by=BY)[0]


def attempt(username: str, password: str, client: Client | None = None) -> Any:
    return (client or Client()).post("/admin/login/", {"username": username, "password": password})


def entries(action: str) -> list[dict[str, Any]]:
    return [row.entry for row in Pending.objects.filter(entry__action=action).order_by("id")]


def test_in_and_out(steward: User) -> None:
    client = Client()
    assert attempt("steward", PASSWORD, client).status_code == 302
    assert client.get("/admin/logout/").status_code == 405
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert client.get("/admin/").status_code == 302
    (came,), (left,) = entries("user.sign_in"), entries("user.sign_out")
    for entry in (came, left):
        assert (entry["actor_kind"], entry["actor_id"], entry["role"]) == ("user", str(steward.pk), "steward")
        assert (entry["object_type"], entry["object_id"], entry["outcome"]) == ("user", str(steward.pk), "success")
        assert entry["request_id"]


def test_who_is_not_in_cannot_go_out() -> None:
    Client().post("/admin/logout/")
    assert entries("user.sign_out") == []


@pytest.mark.parametrize(
    ("username", "password", "because", "known"),
    [
        ("steward", "Passw0rd of mine", "wrong_password", True),
        (ALICE.email, PASSWORD, "unknown_user", False),
        ("machine", PASSWORD, "not_allowed", True),
    ],
)
def test_an_attempt_that_fails(steward: User, username: str, password: str, because: str, known: bool) -> None:
    create_user("machine", "integration", PASSWORD, by=BY)
    assert attempt(username, password).status_code == 200
    (entry,) = entries("user.sign_in")
    assert (entry["outcome"], entry["details"], entry["actor_id"]) == ("denied", {"because": because}, "")
    assert bool(entry["object_id"]) == known
    assert ALICE.email not in json.dumps(entry)
    assert password not in json.dumps(entry)


def test_an_empty_form_is_no_attempt(steward: User) -> None:
    attempt("", "")
    assert entries("user.sign_in") == []


def test_a_lockout_is_told_apart(steward: User) -> None:
    for _ in range(6):
        attempt("steward", "wrong")
    assert attempt("steward", PASSWORD).status_code == 429
    because = [entry["details"]["because"] for entry in entries("user.sign_in")]
    assert because[0] == "wrong_password"
    assert because[-1] == "locked_out"


def test_a_browser_gets_its_picture() -> None:
    answer = Client().get("/favicon.ico")
    assert answer.status_code == 302
    assert Client().get(answer["Location"])["Content-Type"] == "image/svg+xml"
