"""REST: merges/, undo, unmerge, constraints/; and the admin's page of merges."""

import json

import pytest
from django.test import Client

from cdp.access.keys import create_key
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.audit import SYSTEM
from cdp.ids import uuid7
from tests.identity.cases import CRM, said, see, together
from tests.people import ALICE

pytestmark = pytest.mark.django_db


def client(*scopes, **more):
    _, token = create_key("test", list(scopes), SYSTEM, **more)
    return Client(headers={"authorization": f"Bearer {token}"})


def post(who, path, body=None):
    return who.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def signed_in(role):
    ensure_roles()
    who = Client()
    who.force_login(create_user(role, role, by=SYSTEM)[0], backend="django.contrib.auth.backends.ModelBackend")
    return who


@pytest.fixture
def merged():
    """Two profiles that a later mailbox made one."""
    [a] = see(said("1", ("email", ALICE.email), source=CRM))
    [b] = see(said("2"))
    see(said("2", ("email", ALICE.email), at=1))
    assert together(a, b)
    return a, b


def test_a_merge_is_listed_and_undone(merged):
    a, b = merged
    who = client("merges:read", "merges:write")
    [row] = who.get("/api/v1/merges/").json()["results"]
    assert row["because"] == {"links": {"same_email": 1}}
    assert who.get(f"/api/v1/merges/?profile={row['profile_id']}").json()["results"] == [row]
    assert who.get(f"/api/v1/merges/?profile={uuid7()}").json()["results"] == []
    assert who.get(f"/api/v1/merges/{row['id']}/").json() == row
    answer = post(who, f"merges/{row['id']}/undo/")
    assert answer.status_code == 200, answer.content
    assert not together(a, b)
    again = post(who, f"merges/{row['id']}/undo/")
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert post(who, f"merges/{uuid7()}/undo/").status_code == 404


def test_unmerge_and_constraints(merged):
    a, b = merged
    who = client("merges:*")
    body = {"profile_id": str(a.profile_id), "records": [str(b.record_id)]}
    assert post(who, "merges/unmerge/", body).status_code == 200
    assert not together(a, b)
    assert post(who, "merges/unmerge/", {"profile_id": "x"}).status_code == 400
    left, right = sorted((str(a.record_id), str(b.record_id)))
    answer = post(who, "constraints/", {"left_id": right, "right_id": left, "verdict": "must_link"})
    assert answer.status_code == 200, answer.content
    assert together(a, b)
    [one] = who.get("/api/v1/constraints/").json()["results"]
    assert (one["left_id"], one["right_id"], one["verdict"]) == (left, right, "must_link")
    assert post(who, "constraints/", {"left_id": left, "right_id": left, "verdict": "must_link"}).status_code == 409


def test_profiles_are_joined_by_hand_and_the_decision_taken_back():
    [a] = see(said("1", source=CRM))
    [b] = see(said("2"))
    who = client("merges:*")
    body = {"profile_id": str(a.profile_id), "other_id": str(b.profile_id)}
    would = post(who, "merges/", body | {"dry_run": True}).json()
    assert [(part["id"], part["came"]) for part in would["would"]] == [(str(a.profile_id), [str(b.record_id)])]
    assert not together(a, b)
    [merge] = post(who, "merges/", body).json()["merges"]
    assert together(a, b)
    assert post(who, "merges/", body).status_code == 409
    assert post(who, "merges/", body | {"other_id": str(uuid7())}).status_code == 409
    assert post(who, "merges/", {"profile_id": "x"}).status_code == 400
    [row] = who.get("/api/v1/merges/?undone=false").json()["results"]
    assert row["id"] == merge
    assert who.get("/api/v1/merges/?undone=true").json()["results"] == []
    assert who.get(f"/api/v1/merges/?actor={row['actor']}").json()["results"] == [row]
    [decision] = who.get("/api/v1/constraints/").json()["results"]
    assert client("merges:read").delete(f"/api/v1/constraints/{decision['id']}/").status_code == 403
    assert who.delete(f"/api/v1/constraints/{decision['id']}/").status_code == 200
    assert not together(a, b)
    assert who.delete(f"/api/v1/constraints/{decision['id']}/").status_code == 404


def test_a_dry_run_of_an_undo_changes_nothing(merged):
    a, b = merged
    who = client("merges:*")
    [row] = who.get("/api/v1/merges/").json()["results"]
    would = post(who, f"merges/{row['id']}/undo/", {"dry_run": True})
    assert len(would.json()["would"]) == 2
    assert together(a, b)


def test_the_scope_is_needed(merged):
    reader = client("merges:read")
    [row] = reader.get("/api/v1/merges/").json()["results"]
    assert post(reader, f"merges/{row['id']}/undo/").status_code == 403
    assert client("profiles:read").get("/api/v1/merges/").status_code == 403
    assert Client().get("/api/v1/merges/").status_code == 401


def test_a_key_of_some_sources_has_no_part_in_decisions_about_whole_people(merged):
    limited = client("merges:*", sources=[CRM])
    for path in ("merges/", "constraints/", "reviews/"):
        answer = limited.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert "limited to some sources" in answer.json()["detail"]
    assert post(limited, "constraints/", {"kind": "must", "left": "x", "right": "y"}).status_code == 403


def test_the_admin_lists_merges_and_undoes_them(merged):
    a, b = merged
    steward = signed_in("steward")
    for page in ("merge", "constraint", "retiredvalue"):
        assert steward.get(f"/admin/identity/{page}/").status_code == 200
    [row] = client("merges:read").get("/api/v1/merges/").json()["results"]
    body = {"action": "undo", "index": "0", "_selected_action": [row["id"]]}
    answer = steward.post("/admin/identity/merge/", body, follow=True)
    assert answer.status_code == 200
    assert "Undone: 1" in answer.content.decode(), [str(m) for m in answer.context["messages"]]
    assert not together(a, b)
