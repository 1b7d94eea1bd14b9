"""A change with an Idempotency-Key happens once, however often it is sent, and a crash takes back answer and change."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from cdp.access.holder import Answers
from cdp.access.models import KeptAnswer
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit.models import Pending
from cdp.vault import blind

from .conftest import BY

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.doors")]
PATH = "/api/v1/makes/"


@pytest.fixture
def client(client_with: Callable[..., Client]) -> Client:
    return client_with("segments")


def send(client: Client, name: str, key: str) -> Any:
    return client.post(PATH, {"name": name}, content_type="application/json", headers={"idempotency-key": key})


def test_the_same_again_gets_the_answer_of_then(client: Client) -> None:
    key = str(uuid4())
    first = send(client, "one", key)
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (201, None)
    for given in (key, f'"{key}"'):  # bare, and as the draft writes it
        again = send(client, "one", given)
        assert (again.status_code, again.content, again["ETag"]) == (201, first.content, first["ETag"])
        assert again["Content-Type"] == first["Content-Type"] == "application/json"
        assert again["Idempotency-Replayed"] == "true"
    assert Group.objects.filter(name="one").count() == 1


def test_the_same_key_with_another_request_is_refused(client: Client) -> None:
    key = str(uuid4())
    send(client, "one", key)
    other = send(client, "two", key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (
        client.post(f"{PATH}?a=b", {"name": "one"}, "application/json", headers={"idempotency-key": key}).status_code
        == 422
    )
    assert not Group.objects.filter(name="two").exists()


def test_keys_are_their_callers(client_with: Callable[..., Client]) -> None:
    key = str(uuid4())
    assert send(client_with("segments"), "one", key).status_code == 201
    assert "Idempotency-Replayed" not in send(client_with("segments"), "two", key)


def test_a_session_may_bring_a_key_too(django_user_model: Any) -> None:
    ensure_roles()
    create_user("sam", "marketer", by=BY)
    signed_in = Client(enforce_csrf_checks=True)
    signed_in.force_login(django_user_model.objects.get(username="sam"))
    token = "a" * 32
    signed_in.cookies["csrftoken"] = token
    for replayed in (None, "true"):
        answer = signed_in.post(
            PATH,
            {"name": "one"},
            content_type="application/json",
            headers={"idempotency-key": "k", "x-csrftoken": token},
        )
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, replayed)
    assert signed_in.post(PATH, {}, "application/json", headers={"idempotency-key": "m"}).status_code == 403
    assert Group.objects.filter(name="one").count() == 1


def test_while_one_is_worked_on_another_is_told_to_come_back(client: Client, django_user_model: Any) -> None:
    import psycopg

    key = str(uuid4())
    from cdp.access.models import ApiKey

    digest = blind.index("idempotency", f"key:{ApiKey.objects.get().pk}\0{key}")
    number = int.from_bytes(digest.bytes[:8], "big", signed=True)
    parameters = connection.get_connection_params() | {"autocommit": True}
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [number])
        meanwhile = send(client, "one", key)
        assert (meanwhile.status_code, meanwhile.json()["code"], meanwhile["Retry-After"]) == (409, "in_progress", "1")
    assert not Group.objects.filter(name="one").exists()
    assert send(client, "one", key).status_code == 201


def test_a_refusal_is_not_kept_but_what_was_written_beside_it_is(client: Client) -> None:
    key = str(uuid4())
    assert send(client, "refused", key).status_code == 409
    assert send(client, "denied", str(uuid4())).status_code == 403
    assert Pending.objects.filter(entry__action="group.deny").exists()
    assert not Group.objects.filter(name="refused").exists()
    assert not KeptAnswer.objects.exists()
    assert send(client, "one", key).status_code == 201  # the key is still unused


def test_a_fault_takes_everything_back(client: Client) -> None:
    key = str(uuid4())
    client.raise_request_exception = False
    assert send(client, "broken", key).status_code == 500
    assert not KeptAnswer.objects.exists()
    assert not Group.objects.filter(name="broken").exists()


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "schlüssel", "a\tb"])
def test_an_unusable_key_is_a_problem(client: Client, key: str) -> None:
    answer = send(client, "one", key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_a_day_later_the_answer_is_gone_and_the_change_is_made_anew(client: Client) -> None:
    key = str(uuid4())
    send(client, "one", key)
    Group.objects.all().delete()
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "Idempotency-Replayed" not in send(client, "one", key)
    assert Answers().purge(timezone.now()) == 0
    assert Answers().purge(timezone.now() + timedelta(hours=25)) == 1


def test_nothing_of_the_answer_or_the_key_stands_in_clear(client: Client) -> None:
    send(client, "alice", "alice@example.com")
    kept = KeptAnswer.objects.get()
    assert b"alice" not in bytes(kept.sealed)
    assert kept.digest == kept.pk


def test_where_nothing_changes_the_key_means_nothing(client: Client) -> None:
    for _ in range(2):
        answer = client.get("/api/v1/open/", headers={"idempotency-key": "one"})
        assert "Idempotency-Replayed" not in answer
    assert not KeptAnswer.objects.exists()
