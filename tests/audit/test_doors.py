"""The trail by REST and in admin: filtered, paged, its reasons opened one by one, and every look at it an entry."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cdp import audit
from cdp.access.keys import create_key
from cdp.access.users import create_user
from cdp.audit.models import Entry
from cdp.ids import uuid7
from cdp.vault import keys

pytestmark = pytest.mark.django_db
URL = "/api/v1/audit/entries/"
ALICE = audit.Actor("user", "7", role="steward")
BOB = audit.Actor("key", "b0b")


def key_with(*scopes: str) -> Client:
    _, token = create_key("test", scopes, audit.SYSTEM)
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def auditor() -> Client:
    client = key_with("audit:read")
    audit.sequence()
    return client


def results(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_an_entry_in_full(auditor: Client) -> None:
    record = uuid7()
    keys.create([record])
    audit.record(
        "profile.reveal", by=ALICE, object=("profile", record), subjects=[record], fields=["email"], purpose="support",
        reason="Called about parcel",
    )  # fmt: skip
    audit.sequence()
    (entry,) = results(auditor, action="profile.reveal")
    assert entry["actor"] == {"kind": "user", "id": "7", "role": "steward", "on_behalf_of": ""}
    assert entry["object"] == {"type": "profile", "id": str(record)}
    assert entry["subjects"] == [keys.commitment(record).hex()]
    assert entry["has_reason"] is True
    assert "parcel" not in str(entry)
    detail = auditor.get(f"{URL}{entry['sequence']}/").json()
    assert detail.pop("reason") == "Called about parcel"
    assert detail == entry


def test_filters_say_and(auditor: Client) -> None:
    audit.record("segment.change", by=ALICE, object=("segment", "1"))
    audit.record("segment.change", by=BOB, object=("segment", "2"), outcome="error")
    audit.record("segment.read", by=BOB, object=("segment", "2"))
    audit.sequence()
    assert [row["actor"]["id"] for row in results(auditor, action="segment.change")] == ["b0b", "7"]
    assert len(results(auditor, actor="b0b", object_type="segment", object_id="2")) == 2
    assert len(results(auditor, actor="b0b", action="segment.change", outcome="error")) == 1
    assert results(auditor, actor="7", object_id="2") == []


def test_times_from_and_to(auditor: Client) -> None:
    at = Entry.objects.latest("sequence").at
    assert len(results(auditor, **{"from": at.isoformat(), "action": "key.create"})) == 1
    assert results(auditor, to=at.isoformat(), action="key.create") == []
    assert results(auditor, **{"from": (at + timedelta(seconds=1)).isoformat(), "action": "key.create"}) == []
    assert len(results(auditor, to=datetime(2200, 1, 1, tzinfo=UTC).isoformat(), action="key.create")) == 1


@pytest.mark.parametrize(
    "query", [{"form": "2026-01-01"}, {"from": "yesterday"}, {"outcome": "maybe"}, {"actor": "a\0b"}, {"limit": "0"}]
)
def test_what_is_not_understood_is_refused(auditor: Client, query: dict[str, str]) -> None:
    answer = auditor.get(URL, query)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not any(value in answer.content.decode() for value in query.values() if len(value) > 1)


def test_pages_hold_every_entry_once(auditor: Client) -> None:
    for n in range(12):
        audit.record("segment.change", by=ALICE, object=("segment", n))
    audit.sequence()
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query: dict[str, Any] = {"limit": 5, "action": "segment.change"} | ({"cursor": cursor} if cursor else {})
        page = auditor.get(URL, query).json()
        seen += [row["object"]["id"] for row in page["results"]]
        cursor = page["next"]
        audit.sequence()
    assert seen == [str(n) for n in reversed(range(12))]


def test_reading_is_an_entry(auditor: Client) -> None:
    audit.record("key.revoke", by=ALICE, reason="lost laptop")
    audit.sequence()
    (entry,) = results(auditor, action="key.revoke", actor="7")
    auditor.get(f"{URL}{entry['sequence']}/")
    audit.sequence()
    listing, detail = Entry.objects.filter(action="audit.read").order_by("sequence")
    assert (listing.object_type, listing.rows) == ("audit", 1)
    assert listing.details == {"filters": ["action", "actor"]}
    assert (detail.object_type, detail.object_id, detail.fields) == ("entry", str(entry["sequence"]), ["reason"])


def test_nobody_else_reads_it() -> None:
    assert Client().get(URL).status_code == 401
    assert key_with("profiles:*").get(URL).status_code == 403
    assert key_with("profiles:*").get(f"{URL}1/").status_code == 403


def test_no_entry_by_that_number(auditor: Client) -> None:
    for number in (0, 10**6, 10**30):
        assert auditor.get(f"{URL}{number}/").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_log_takes_nothing_by_rest(auditor: Client, method: str) -> None:
    assert getattr(auditor, method)(URL).status_code == 405


@pytest.fixture
def signed_in() -> Callable[[str], Client]:
    def sign_in(role: str) -> Client:
        from cdp.access.roles import ensure_roles

        ensure_roles()
        user, _ = create_user(f"{role}@example.com", role, "Correct-horse-7", by=audit.SYSTEM)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


PAGE = "/admin/audit/entry/"


def shown(page: Any) -> list[int]:
    """The numbers of the entries on a page of the list."""
    return [row.pk for row in page.context_data["cl"].result_list]


def counted(page: Any) -> int:
    """How many entries there are, as the list says."""
    return int(page.context_data["cl"].result_count)


def test_the_compliance_officer_sees_the_page(signed_in: Callable[[str], Client]) -> None:
    client, id = signed_in("compliance"), uuid7()
    audit.record("profile.reveal", by=ALICE, object=("profile", id), outcome="denied", reason="Called about parcel")
    audit.record("segment.change", by=ALICE, object=("segment", "9"))
    audit.sequence()
    entry = Entry.objects.get(action="profile.reveal")
    page = client.get(PAGE, {"q": str(id)})
    assert page.status_code == 200
    assert shown(page) == [entry.pk]
    assert "parcel" not in page.content.decode()
    for query in (
        {"action__icontains": "reveal"},
        {"outcome": "denied"},
        {"object_type": "profile", "object_id": str(id)},
        {
            "at_from_0": "2020-01-01",
            "at_from_1": "00:00:00",
            "actor_id__icontains": "7",
            "object_type__icontains": "prof",
        },
    ):
        assert shown(client.get(PAGE, query)) == [entry.pk], query
    assert "Called about parcel" in client.get(f"{PAGE}{entry.pk}/change/").content.decode()


def test_the_page_is_an_entry_too(signed_in: Callable[[str], Client]) -> None:
    client = signed_in("compliance")
    audit.record("key.revoke", by=ALICE, reason="lost laptop")
    audit.sequence()
    entry = Entry.objects.get(action="key.revoke")
    client.get(PAGE, {"q": "some@one.example"})
    client.get(f"{PAGE}{entry.pk}/change/")
    audit.sequence()
    listing, detail = Entry.objects.filter(action="audit.read").order_by("sequence")
    assert listing.details == {"filters": ["q"]}
    assert detail.fields == ["reason"]
    assert "some@one" not in str(list(Entry.objects.values()))


def test_the_page_counts_without_counting(signed_in: Callable[[str], Client]) -> None:
    client = signed_in("compliance")
    for _ in range(60):
        audit.record("segment.change", by=ALICE)
    audit.sequence()
    assert counted(client.get(PAGE)) == Entry.objects.count()
    filtered = client.get(PAGE, {"action__icontains": "segment.change"})
    assert counted(filtered) == 60


@pytest.mark.parametrize("role", ["admin", "steward", "marketer", "analyst"])
def test_other_roles_do_not_see_the_page(signed_in: Callable[[str], Client], role: str) -> None:
    assert signed_in(role).get(PAGE).status_code == 403


def test_nobody_changes_the_log_in_admin(signed_in: Callable[[str], Client]) -> None:
    client = signed_in("compliance")
    audit.record("segment.change", by=ALICE)
    audit.sequence()
    number = Entry.objects.latest("sequence").pk
    assert client.get(f"{PAGE}add/").status_code == 403
    assert client.post(f"{PAGE}{number}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{PAGE}{number}/change/", {"action": "x"}).status_code == 403
