"""profiles/ and what lies below: permission, masking, audit, redirects, ETags."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cdp.audit import SYSTEM
from cdp.sources.create import change
from cdp.vault.keys import commitments
from identity.models import Profile, Record, Redirect
from identity.observe import observe
from segments.define import define
from segments.rebuild import build
from tests.console.conftest import NOW, World, client_with, entries, get, observation, post, secrets_of, signed_in
from tests.people import ALICE, BOB

pytestmark = pytest.mark.django_db


def test_a_profile_is_masked_without_the_scope_to_reveal(world: World) -> None:
    status, profile = get(client_with("profiles:read"), f"profiles/{world.alice}/?expand=provenance,records")
    assert status == 200
    assert profile["open"] is False
    assert profile["traits"]["email"] == "a•••@•••"
    assert profile["traits"]["country"] == "NL"
    assert profile["classes"] == {**profile["classes"], "email": "identifying", "country": "fact", "•••": "undeclared"}
    assert {it["kind"] for it in profile["identifiers"]} == {"user_id", "email", "phone"}
    assert profile["provenance"]["email"]["source"] in {"shop", "till"}
    text = json.dumps(profile, ensure_ascii=False)
    for secret in (*secrets_of(ALICE), "petName", "Rex", ALICE.birthday):
        assert secret not in text


def test_a_key_that_may_reveal_sees_everything_and_it_is_written_down(world: World) -> None:
    status, profile = get(client_with("profiles:*"), f"profiles/{world.alice}/")
    assert status == 200
    assert profile["open"] is True
    assert profile["traits"]["email"] == ALICE.email
    assert profile["traits"]["petName"] == "Rex"
    (entry,) = entries("profile.read")
    assert (entry["purpose"], entry["outcome"], entry["details"]["open"]) == ("operate", "success", True)
    assert {"email", "lastName", "country", "(undeclared)", "identifier.phone"} <= set(entry["fields"])
    assert "petName" not in entry["fields"]
    records = list(Record.objects.filter(profile_id=world.alice).values_list("id", flat=True))
    assert {bytes.fromhex(it) for it in entry["subjects"]} == set(commitments(records))


@pytest.mark.parametrize(
    "below", ["", "segments/", "timeline/", "provenance/", "why/?record_a=x&record_b=y", "reveal/"]
)
def test_every_door_wants_its_scope(world: World, below: str) -> None:
    status, problem = get(client_with("segments:read", "sources:read"), f"profiles/{world.alice}/{below}")
    assert (status, problem["code"]) in {(403, "forbidden"), (405, "method_not_allowed")}
    assert get(client_with("profiles:read"), f"profiles/{world.alice}/consents/")[0] == 403


@pytest.mark.parametrize("role", ["admin", "analyst", "compliance"])
def test_roles_that_may_not_see_people(world: World, role: str) -> None:
    assert get(signed_in(role), f"profiles/{world.alice}/")[0] == 403
    assert entries("access.deny")


def test_unknown_and_broken_ids_are_not_found(world: World) -> None:
    client = client_with("profiles:*", "consents:read")
    for id in (uuid4(), "no-uuid"):
        for below in ("", "segments/", "timeline/", "provenance/", "consents/", "why/?segment=x"):
            status, problem = get(client, f"profiles/{id}/{below}")
            assert (status, problem["code"]) == (404, "not_found")


def test_no_permission_means_denied_explained_and_audited(world: World, say: Callable[..., None]) -> None:
    reader = client_with("profiles:*", purpose="news")
    status, problem = get(reader, f"profiles/{world.alice}/")
    assert (status, problem["code"]) == (403, "not_permitted")
    assert problem["detail"].startswith("no entry:")
    (entry,) = entries("profile.read")
    assert (entry["outcome"], entry["rows"], entry["purpose"]) == ("denied", 0, "news")
    assert get(reader, "profiles/")[1]["results"] == []
    say("news", "granted")
    assert get(reader, f"profiles/{world.alice}/")[0] == 200
    assert [it["id"] for it in get(reader, "profiles/")[1]["results"]] == [str(world.alice)]
    say("news", "withdrawn")
    assert get(reader, f"profiles/{world.alice}/")[1]["detail"].startswith("withdrawn:")
    say("*", "restricted")
    for below in ("", "segments/", "timeline/", "provenance/", "why/?segment=x"):
        status, problem = get(client_with("profiles:*"), f"profiles/{world.alice}/{below}")
        assert (status, problem["code"]) == (403, "not_permitted")
    status, told = get(client_with("consents:read"), f"profiles/{world.alice}/consents/")
    news = next(it for it in told["results"] if it["purpose"] == "news")
    assert status == 200
    assert news["allowed"] is False
    assert {it["status"] for it in news["entries"]} == {"granted", "withdrawn", "restricted"}
    assert any(it["decides"] for it in news["entries"])


def test_an_unknown_purpose_permits_nothing(world: World) -> None:
    status, problem = get(client_with("profiles:*", purpose="nonsense"), f"profiles/{world.alice}/")
    assert status == 403
    assert problem["detail"].startswith("unknown purpose:")


def test_a_merged_away_id_answers_with_the_survivor(world: World) -> None:
    old = uuid4()
    Redirect.objects.create(old_id=old, new_id=world.alice)
    answer = client_with("profiles:read").get(f"/api/v1/profiles/{old}/")
    assert answer.status_code == 200
    assert answer.json()["id"] == str(world.alice)
    assert answer.json()["redirected_from"] == str(old)
    assert answer["Content-Location"] == f"/api/v1/profiles/{world.alice}/"


def test_an_etag_saves_the_reading_until_something_changes(world: World) -> None:
    client = client_with("profiles:read")
    first = client.get(f"/api/v1/profiles/{world.alice}/")
    again = client.get(f"/api/v1/profiles/{world.alice}/", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    opened = client_with("profiles:*").get(f"/api/v1/profiles/{world.alice}/", headers={"if-none-match": first["ETag"]})
    assert opened.status_code == 200
    Profile.objects.filter(pk=world.alice).update(version=2)
    moved = client.get(f"/api/v1/profiles/{world.alice}/", headers={"if-none-match": first["ETag"]})
    assert moved.status_code == 200
    assert moved["ETag"] != first["ETag"]


def test_lookup_finds_by_value_and_never_repeats_it(world: World) -> None:
    client = client_with("profiles:read")
    status, found = post(client, "profiles/lookup/", {"kind": "email", "value": f" {ALICE.email.upper()} "})
    assert (status, found["id"], found["also"]) == (200, str(world.alice), [])
    status, found = post(
        client,
        "profiles/lookup/",
        {"identifiers": [{"kind": "email", "value": "nobody@example.com"}, {"kind": "user_id", "value": BOB.user_id}]},
    )
    assert (status, found["id"]) == (200, str(world.bob))
    status, problem = post(client, "profiles/lookup/", {"kind": "email", "value": "carol.unknown@example.com"})
    assert (status, problem["code"]) == (404, "not_found")
    assert "carol" not in json.dumps(problem)
    assert "carol" not in json.dumps(entries("profile.lookup"))
    bodies: tuple[object, ...] = ({}, {"kind": "email"}, {"kind": "shoe", "value": "1"}, {"identifiers": []}, [1])
    for body in bodies:
        assert post(client, "profiles/lookup/", body)[0] == 400


def test_a_national_phone_number_is_read_as_the_sources_read_theirs(world: World) -> None:
    client = client_with("profiles:read")
    national = {"kind": "phone", "value": ALICE.phone.removeprefix("+1 ")}
    assert post(client, "profiles/lookup/", national)[1]["id"] == str(world.alice)
    assert post(client, "profiles/lookup/", {**national, "region": "NL"})[0] == 404
    said = observation(world.till, BOB, "T-2", at=NOW)
    said.region, said.identifiers = "DE", [("phone", "0151 23456000")]
    observe([said], at=NOW)
    german = {"kind": "phone", "value": "0151 23456000"}
    assert post(client, "profiles/lookup/", german)[0] == 404
    change(world.till, by=SYSTEM, region="DE")
    assert post(client, "profiles/lookup/", german)[0] == 200


def test_a_key_limited_to_a_source_sees_only_what_it_said(world: World) -> None:
    till = client_with("profiles:*", sources=[world.till.id])
    assert get(till, f"profiles/{world.bob}/")[0] == 404
    assert post(till, "profiles/lookup/", {"kind": "email", "value": BOB.email})[0] == 404
    (listed,) = get(till, "profiles/")[1]["results"]
    (full,) = [it for it in get(client_with("profiles:read"), "profiles/")[1]["results"] if it["id"] == listed["id"]]
    assert listed["id"] == str(world.alice)
    assert full["facts"]["logins"] == 7
    assert "logins" not in listed["facts"]
    assert get(till, f"profiles/{world.alice}/why/?segment=any")[0] == 403
    _, profile = get(till, f"profiles/{world.alice}/?expand=records,provenance")
    assert {it["source"] for it in profile["record_list"]} == {"till"}
    assert {it["source"] for it in profile["provenance"].values()} <= {"till"}
    assert "petName" not in profile["traits"]
    assert get(till, f"profiles/{world.alice}/timeline/")[1]["results"] == []


def test_the_list_pages_filters_and_refuses_what_it_does_not_know(world: World) -> None:
    client = client_with("profiles:read", "segments:read")
    status, page = get(client, "profiles/?limit=1")
    assert (status, len(page["results"])) == (200, 1)
    _, last = get(client, f"profiles/?limit=1&cursor={page['next']}")
    assert last["next"] is None
    assert {page["results"][0]["id"], last["results"][0]["id"]} == {str(world.alice), str(world.bob)}
    dutch = define("Dutch", {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key="dutch")
    build(dutch.id, at=NOW)
    assert [it["id"] for it in get(client, "profiles/?segment=dutch")[1]["results"]] == [str(world.alice)]
    later = (NOW + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert get(client, f"profiles/?updated_since={later}")[1]["results"] == []
    for query in ("segment=none", "updated_since=yesterday", "email=x", "limit=0", "cursor=x"):
        assert get(client, f"profiles/?{query}")[0] == 400
    assert ALICE.last not in json.dumps(page)


def test_segments_are_listed_only_with_permission_for_their_purpose(world: World, say: Callable[..., None]) -> None:
    client = client_with("profiles:read", "segments:read")
    for key, purpose in (("dutch", "operate"), ("dutch-news", "news")):
        made = define(key, {"trait": "country", "is": "NL"}, by=SYSTEM, at=NOW, key=key, purpose=purpose)
        build(made.id, at=NOW)
    _, found = get(client, f"profiles/{world.alice}/segments/")
    assert ([it["key"] for it in found["results"]], found["withheld"]) == (["dutch"], 1)
    _, profile = get(client, f"profiles/{world.alice}/")
    assert (profile["segments"], profile["segments_withheld"]) == (["dutch"], 1)
    assert get(client, "profiles/?segment=dutch-news")[1]["results"] == []
    say("news", "granted")
    _, found = get(client, f"profiles/{world.alice}/segments/")
    assert [it["key"] for it in found["results"]] == ["dutch", "dutch-news"]
    status, why = get(client, f"profiles/{world.bob}/why/?segment=dutch")
    assert (status, why["member"], why["why"]["value"]) == (200, False, "DE")
    assert get(client, f"profiles/{world.bob}/why/?segment=none")[0] == 404


def test_the_timeline_pages_newest_first_and_masks(world: World) -> None:
    path = f"profiles/{world.alice}/timeline/?limit=4"
    _, page = get(client_with("profiles:read"), path)
    assert [it["properties"]["revenue"] for it in page["results"]] == [10, 11, 12, 13]
    assert {it["name"] for it in page["results"]} == {"Order Completed"}
    assert "ring twice" not in json.dumps(page)
    assert "secretNote" not in json.dumps(page)
    _, last = get(client_with("profiles:*"), f"{path}&cursor={page['next']}")
    assert [it["properties"]["secretNote"] for it in last["results"]] == ["ring twice 4", "ring twice 5"]
    assert last["next"] is None
    assert get(client_with("profiles:read"), f"profiles/{world.bob}/timeline/?cursor={page['next']}")[0] == 400


def test_provenance_shows_what_every_record_says(world: World) -> None:
    _, found = get(client_with("profiles:read"), f"profiles/{world.alice}/provenance/")
    country = next(it for it in found["results"] if it["trait"] == "country")
    assert (country["class"], country["value"], country["rule"]) == ("fact", "NL", "agreed")
    assert {it["source"] for it in country["candidates"]} == {"shop", "till"}
    assert sum(it["survives"] for it in country["candidates"]) == 1
    assert ALICE.last not in json.dumps(found)


def test_why_two_records_are_one_person(world: World) -> None:
    client = client_with("profiles:read")
    left, right = Record.objects.filter(profile_id=world.alice).values_list("id", flat=True)
    other = Record.objects.get(profile_id=world.bob).id
    status, why = get(client, f"profiles/{world.alice}/why/?record_a={left}&record_b={right}")
    assert (status, why["linked"]) == (200, True)
    assert why["links"][0]["kind"] in {"email", "phone"}
    assert ALICE.email not in json.dumps(why)
    for query in (f"record_a={left}&record_b={other}", f"record_a={left}&record_b={left}", "record_a=x", ""):
        assert get(client, f"profiles/{world.alice}/why/?{query}")[0] == 400


def test_a_steward_reveals_with_purpose_and_reason_for_ten_minutes(world: World) -> None:
    steward = signed_in("steward")
    assert get(steward, f"profiles/{world.alice}/")[1]["open"] is False
    body = {"purpose": "operate", "reason": "Customer asked on the phone"}
    assert post(steward, f"profiles/{world.alice}/reveal/", {**body, "reason": "because"})[0] == 400
    assert post(steward, f"profiles/{world.alice}/reveal/", {**body, "purpose": "news"})[0] == 403
    status, opened = post(steward, f"profiles/{world.alice}/reveal/", body)
    assert status == 200
    assert opened["until"] > NOW.isoformat()
    assert get(steward, f"profiles/{world.alice}/")[1]["traits"]["email"] == ALICE.email
    assert get(steward, f"profiles/{world.bob}/")[1]["open"] is False
    (entry,) = entries("profile.reveal")
    assert (entry["purpose"], "Customer" in json.dumps(entry)) == ("operate", False)
    session = steward.session
    session["reveals"][str(world.alice)]["until"] = (NOW - timedelta(seconds=1)).isoformat()
    session.save()
    assert get(steward, f"profiles/{world.alice}/")[1]["open"] is False
    assert post(client_with("profiles:*"), f"profiles/{world.alice}/reveal/", body)[0] == 409
    assert post(signed_in("marketer"), f"profiles/{world.alice}/reveal/", body)[0] == 403


def test_a_read_takes_a_handful_of_queries(world: World) -> None:
    client = client_with("profiles:read")
    get(client, f"profiles/{world.alice}/")
    with CaptureQueriesContext(connection) as queries:
        get(client, f"profiles/{world.alice}/")
    assert len(queries) <= 12, [query["sql"][:90] for query in queries]
