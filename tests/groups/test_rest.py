"""REST of groups: what a key sees, finds and may not."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.console.conftest import client_with, entries, get, post, secrets_of, signed_in
from tests.groups.conftest import CITY, COMPANY, Groups
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db
SECRET = (COMPANY, CITY, "We sell", "slogan", *secrets_of(ALICE), *secrets_of(BOB))


def _shows_nothing(answer: Any) -> bool:
    return not [secret for secret in SECRET if secret in str(answer)]


def test_groups_are_listed_with_facts_alone(groups: Groups) -> None:
    status, answer = get(client_with("groups:read"), "groups/")
    assert status == 200
    assert {it["id"] for it in answer["results"]} == {str(groups.acme), str(groups.home)}
    acme = next(it for it in answer["results"] if it["id"] == str(groups.acme))
    assert acme["facts"] == {"employees": 310, "plan": "enterprise", "address.country": "NL"}
    assert acme["members"] == 2
    assert _shows_nothing(answer)
    assert entries("group.list")[-1]["rows"] == 2


def test_a_list_is_paged_and_filtered(groups: Groups) -> None:
    client = client_with("groups:read")
    _, first = get(client, "groups/?limit=1")
    _, second = get(client, f"groups/?limit=1&cursor={first['next']}")
    assert {first["results"][0]["id"], second["results"][0]["id"]} == {str(groups.acme), str(groups.home)}
    assert second["next"] is None
    for query, found in (
        ("trait.plan=enterprise", 1),
        ("trait.employees=310", 1),
        ("trait.employees=310.0", 1),
        ("trait.employees=300", 0),
        ("trait.plan=enterprise&trait.employees=310", 1),
        ("updated_since=2999-01-01T00:00:00Z", 0),
    ):
        assert len(get(client, f"groups/?{query}")[1]["results"]) == found, query
    for query in (
        "trait.name=x", "trait.employees=many", "trait.employees=1e999", "trait.employees=true", "trait.=1", "plan=x",
        "updated_since=yesterday", "limit=0", "cursor=x",
    ):  # fmt: skip
        status, problem = get(client, f"groups/?{query}")
        assert (status, bool(problem["errors"][0]["remedy"])) == (400, True), query


def test_one_group_is_masked_by_class(groups: Groups) -> None:
    status, answer = get(client_with("groups:read"), f"groups/{groups.acme}/?expand=provenance")
    assert status == 200
    assert answer["key"] == "•••"
    assert answer["traits"]["name"] == "A•••"
    assert answer["traits"]["employees"] == 310
    assert answer["classes"]["name"] == "identifying"
    assert answer["provenance"]["employees"]["source"] == "shop"
    assert _shows_nothing(answer)
    (entry,) = entries("group.read")
    assert entry["object_id"] == str(groups.acme)
    assert "slogan" not in str(entry)


def test_a_key_that_reveals_sees_it_and_that_is_written_down(groups: Groups) -> None:
    _, answer = get(client_with("groups:read", "profiles:reveal"), f"groups/{groups.acme}/")
    assert (answer["key"], answer["traits"]["name"], answer["traits"]["slogan"]) == ("acme", COMPANY, "We sell")
    assert answer["open"] is True
    assert entries("group.read")[-1]["details"] == {"open": True}


def test_reading_a_group_of_one_is_reading_that_person(groups: Groups) -> None:
    client = client_with("groups:read")
    get(client, f"groups/{groups.home}/")
    get(client, f"groups/{groups.acme}/")
    of_one, of_two = entries("group.read")
    assert (len(of_one["subjects"]), len(of_two["subjects"])) == (1, 0)


def test_an_answer_that_did_not_change_is_not_sent_again(groups: Groups) -> None:
    client = client_with("groups:read")
    answer = client.get(f"/api/v1/groups/{groups.acme}/")
    again = client.get(f"/api/v1/groups/{groups.acme}/", headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_group_is_looked_up_by_its_id_in_the_body(groups: Groups) -> None:
    client = client_with("groups:read")
    status, answer = post(client, "groups/lookup/", {"id": ALICE.email})
    assert (status, answer["id"], answer["also"]) == (200, str(groups.home), [])
    assert _shows_nothing(answer)
    status, problem = post(client, "groups/lookup/", {"id": BOB.email})
    assert status == 404
    assert BOB.email not in str(problem)
    for body in ({}, {"id": ""}, {"id": []}, {"id": "x" * 501}, ["acme"]):
        assert post(client, "groups/lookup/", body)[0] == 400, body


def test_members_are_those_who_permit_the_purpose(groups: Groups, say_of: Callable[..., None]) -> None:
    client = client_with("groups:read")
    _, answer = get(client, f"groups/{groups.acme}/members/")
    assert {it["profile"] for it in answer["results"]} == {str(groups.world.alice), str(groups.world.bob)}
    _, first = get(client, f"groups/{groups.acme}/members/?limit=1")
    _, second = get(client, f"groups/{groups.acme}/members/?limit=1&cursor={first['next']}")
    assert first["results"] + second["results"] == answer["results"]
    say_of("operate", "withdrawn")
    _, answer = get(client, f"groups/{groups.acme}/members/")
    assert [it["profile"] for it in answer["results"]] == [str(groups.world.bob)]


def test_a_group_whose_only_member_permits_nothing_cannot_be_read(groups: Groups, say_of: Callable[..., None]) -> None:
    say_of("operate", "withdrawn")
    client = client_with("groups:read")
    status, problem = get(client, f"groups/{groups.home}/")
    assert (status, problem["code"]) == (403, "not_permitted")
    assert entries("group.read")[-1]["outcome"] == "denied"
    assert [it["id"] for it in get(client, "groups/")[1]["results"]] == [str(groups.acme)]
    assert post(client, "groups/lookup/", {"id": ALICE.email})[0] == 404


def test_the_groups_of_a_person(groups: Groups) -> None:
    client = client_with("groups:read")
    status, answer = get(client, f"profiles/{groups.world.alice}/groups/")
    assert status == 200
    assert {it["id"] for it in answer["results"]} == {str(groups.acme), str(groups.home)}
    assert _shows_nothing(answer)
    _, answer = get(client, f"profiles/{groups.world.bob}/groups/")
    assert [it["id"] for it in answer["results"]] == [str(groups.acme)]


def test_a_key_of_one_source_sees_what_that_source_said(groups: Groups) -> None:
    client = client_with("groups:read", sources=[groups.world.till.id])
    _, answer = get(client, "groups/")
    assert [it["id"] for it in answer["results"]] == [str(groups.home)]
    assert get(client, f"groups/{groups.acme}/")[0] == 404
    assert get(client, f"groups/{groups.acme}/members/")[0] == 404
    assert get(client, "groups/?trait.plan=enterprise")[0] == 403
    assert [it["id"] for it in get(client, f"profiles/{groups.world.alice}/groups/")[1]["results"]] == [
        str(groups.home)
    ]


def test_other_scopes_and_other_ids_open_nothing(groups: Groups) -> None:
    for path in ("groups/", f"groups/{groups.acme}/", f"groups/{groups.acme}/members/"):
        assert get(client_with("profiles:read", "profiles:reveal"), path)[0] == 403
        assert get(signed_in("marketer") if path == "groups/" else client_with("groups:read"), path)[0] == 200
    client = client_with("groups:read")
    assert get(client, f"groups/{uuid4()}/")[0] == 404
    assert get(client, f"groups/{uuid4()}/members/")[0] == 404
    assert get(client, f"profiles/{uuid4()}/groups/")[0] == 404
    assert get(client, f"groups/{groups.acme}/?expand=members")[0] == 400
    assert get(client, f"groups/{groups.acme}/members/?x=1")[0] == 400
