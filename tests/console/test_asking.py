"""What an integrator asks of people: many at once, more of each, less of each, and only those that matter."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cdp.audit import SYSTEM
from cdp.groups.models import Group, Member
from cdp.vault import keys
from cdp.vault.keys import commitments
from identity.models import Record, Redirect
from segments.define import define
from segments.rebuild import build
from tests.console.conftest import NOW, World, client_with, entries, get, post, secrets_of, signed_in
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def test_many_are_looked_up_at_once_in_their_order(world: World) -> None:
    lookups = [
        {"kind": "email", "value": BOB.email},
        {"kind": "email", "value": "carol.unknown@example.com"},
        {"kind": "user_id", "value": ALICE.user_id},
        {"kind": "email", "value": "no address"},
        {"kind": "phone", "value": ALICE.phone},
    ]
    status, found = post(client_with("profiles:read"), "profiles/lookup/", {"lookups": lookups})
    assert status == 200
    ids = [it and it["profile"]["id"] for it in found["results"]]
    assert ids == [str(world.bob), None, str(world.alice), None, str(world.alice)]
    assert found["results"][0]["refused"] is None
    text = json.dumps(found, ensure_ascii=False)
    for secret in (*secrets_of(ALICE), *secrets_of(BOB), "carol"):
        assert secret not in text
    (entry,) = entries("profile.lookup")
    records = list(Record.objects.filter(profile_id__in=[world.alice, world.bob]).values_list("id", flat=True))
    assert {bytes.fromhex(it) for it in entry["subjects"]} == set(commitments(records))
    assert (entry["rows"], entry["details"]["asked"]) == (2, 5)
    assert "carol" not in json.dumps(entry)


def test_many_by_id_with_those_who_may_not_be_read_and_those_who_are_nobody(
    world: World, say: Callable[..., None]
) -> None:
    old = uuid4()
    Redirect.objects.create(old_id=old, new_id=world.alice)
    say("news", "granted")
    reader = client_with("profiles:read", purpose="news")
    status, found = post(reader, "profiles/bulk/", {"ids": [str(world.bob), str(uuid4()), str(old)]})
    bob, nobody, alice = found["results"]
    assert (status, nobody) == (200, None)
    assert (alice["profile"]["id"], alice["profile"]["redirected_from"]) == (str(world.alice), str(old))
    assert bob["profile"] is None
    assert bob["refused"]["code"] == "not_permitted"
    assert bob["refused"]["detail"].startswith("no entry:")
    shown, denied = entries("profile.bulk")
    assert (shown["outcome"], shown["rows"], denied["outcome"], denied["rows"]) == ("success", 1, "denied", 0)
    assert shown["details"]["profiles"] == [str(world.alice)]
    assert denied["details"]["profiles"] == [str(world.bob)]


def test_many_cost_as_few_queries_as_one(world: World) -> None:
    client = client_with("profiles:read", "consents:read")
    bodies = [{"ids": ids} for ids in ([str(world.bob)], [str(world.alice), str(world.bob)] * 20)]
    counts = []
    for body in (bodies[0], *bodies):
        keys.forget()
        with CaptureQueriesContext(connection) as here, CaptureQueriesContext(connections["vault"]) as vault:
            assert post(client, "profiles/bulk/?expand=segments,consents,records,provenance", body)[0] == 200
        counts.append((len(here), len(vault)))
    assert counts[2] <= counts[1]


@pytest.mark.parametrize(
    "body",
    [{}, {"lookups": []}, {"lookups": [{"kind": "email"}]}, {"lookups": [{"kind": "email", "value": "x"}] * 101}],
)
def test_a_bulk_request_that_is_wrong_is_told_where(world: World, body: object) -> None:
    status, problem = post(client_with("profiles:read"), "profiles/lookup/", body)
    assert (status, problem["code"]) == (400, "invalid")
    assert problem["errors"]
    assert post(client_with("profiles:read"), "profiles/bulk/", {"ids": ["x"]})[0] == 400


def test_a_key_limited_to_a_source_finds_only_its_people_in_bulk(world: World) -> None:
    till = client_with("profiles:*", sources=[world.till.id])
    _, found = post(till, "profiles/bulk/", {"ids": [str(world.alice), str(world.bob)]})
    assert found["results"][1] is None
    assert "petName" not in found["results"][0]["profile"]["traits"]
    _, found = post(till, "profiles/lookup/", {"lookups": [{"kind": "email", "value": BOB.email}]})
    assert found["results"] == [None]


def test_a_revealed_person_is_read_one_at_a_time(world: World) -> None:
    steward = signed_in("steward")
    reason = {"purpose": "operate", "reason": "Customer asked on the phone"}
    assert post(steward, f"profiles/{world.alice}/reveal/", reason)[0] == 200
    assert get(steward, f"profiles/{world.alice}/")[1]["open"] is True
    _, found = post(steward, "profiles/bulk/", {"ids": [str(world.alice)]})
    assert found["results"][0]["profile"]["open"] is False


def test_expansions_add_to_the_answer(world: World, say: Callable[..., None]) -> None:
    say("news", "granted")
    dutch = define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    build(dutch.id, at=NOW)
    company = Group.objects.create(digest=uuid4(), sealed_id=b"")
    record = Record.objects.filter(profile_id=world.alice, source_id=world.shop.id).get()
    Member.objects.create(group=company, record_id=record.id, source_id=world.shop.id, first_seen=NOW, last_seen=NOW)
    client = client_with("profiles:read", "consents:read")
    status, profile = get(client, f"profiles/{world.alice}/?expand=segments,consents,groups,records,provenance")
    assert status == 200
    assert [(it["key"], it["name"]) for it in profile["segment_list"]] == [("dutch", "Dutch")]
    news = next(it for it in profile["consents"] if it["purpose"] == "news")
    assert (news["allowed"], len(news["entries"])) == (True, 1)
    assert ([it["id"] for it in profile["groups"]], len(profile["record_list"])) == ([str(company.id)], 2)
    assert {"consents", "segments", "groups", "record.key"} <= set(entries("profile.read")[-1]["fields"])
    _, listed = get(client, "profiles/?expand=segments,consents")
    assert {it["id"]: [one["key"] for one in it["segment_list"]] for it in listed["results"]} == {
        str(world.alice): ["dutch"],
        str(world.bob): [],
    }
    assert entries("profile.list")[-1]["subjects"]


def test_an_unknown_expansion_and_one_without_its_scope(world: World) -> None:
    status, problem = get(client_with("profiles:read"), f"profiles/{world.alice}/?expand=friends")
    assert (status, problem["errors"][0]["field"]) == (400, "expand")
    assert "provenance" in problem["errors"][0]["remedy"]
    assert "friends" not in json.dumps(problem)
    status, problem = get(client_with("profiles:read"), f"profiles/{world.alice}/?expand=consents")
    assert (status, "consents:read" in problem["detail"]) == (403, True)
    assert entries("access.deny")
    assert get(client_with("profiles:read"), "profiles/?expand=provenance")[0] == 400


def test_fields_take_some_of_the_answer_and_the_trail_names_only_those(world: World) -> None:
    client = client_with("profiles:read")
    _, profile = get(client, f"profiles/{world.alice}/?fields=segments,traits.country,traits.email")
    assert profile == {
        "id": str(world.alice),
        "segments": [],
        "traits": {"country": "NL", "email": "a•••@•••"},
    }
    assert set(entries("profile.read")[-1]["fields"]) == {"country", "email"}
    _, listed = get(client, "profiles/?fields=version")
    assert listed["results"][0].keys() == {"id", "version"}
    for query in ("fields=shoe", "fields=traits.petName", "fields=traits.", "fields=also"):
        status, problem = get(client, f"profiles/{world.alice}/?{query}")
        assert (status, problem["errors"][0]["field"]) == (400, "fields")
        assert "petName" not in json.dumps(problem)


def counted(client: Client, path: str) -> int:
    """How many results a list has."""
    status, page = get(client, path)
    assert status == 200, page
    return len(page["results"])


def test_lists_are_filtered(world: World) -> None:
    client = client_with("*")
    soon = (NOW + timedelta(days=1)).isoformat()
    for path, found in (
        ("profiles/?created_since=2020-01-01T00:00:00Z", 2),
        (f"profiles/?updated_since={soon}", 0),
        ("profiles/?updated_before=2020-01-01T00:00:00Z", 0),
        ("sources/?kind=file", 1),
        ("sources/?enabled=false", 0),
        ("sources/?name=shop", 1),
        ("merges/?kind=split", 0),
        (f"merges/?since={soon}", 0),
        (f"constraints/?record={uuid4()}", 0),
        ("notices/?purpose=news", 0),
        (f"sources/{world.shop.id}/rejections/?reason=invalid&replayed=false", 0),
        (f"sources/{world.shop.id}/runs/?state=failed", 0),
    ):
        assert counted(client, path) == found, path
    made = define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    build(made.id, at=NOW)
    for path, found in (
        ("segments/?name=dut", 1),
        ("segments/?kind=dynamic&enabled=true&purpose=operate", 1),
        ("segments/?key=none", 0),
        (f"segments/{made.id}/members/?since=2020-01-01T00:00:00Z", 1),
        (f"segments/{made.id}/members/?since={soon}", 0),
    ):
        assert counted(client, path) == found, path


@pytest.mark.parametrize(
    "path",
    [
        "sources/?kind=shoe",
        "sources/?colour=red",
        "merges/?since=yesterday",
        "merges/?since=2026-01-01T00:00:00",
        "merges/?profile=x",
        "constraints/?verdict=perhaps",
        "segments/?kind=x",
        "notices/?colour=red",
        "audit/entries/?from=never",
    ],
)
def test_a_filter_that_means_nothing_is_refused(world: World, path: str) -> None:
    status, problem = get(client_with("*"), path)
    assert status == 400
    assert problem["errors"]
