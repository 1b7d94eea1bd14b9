"""Sources through REST, the command and the admin."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from cdp.access.keys import create_key
from cdp.access.roles import ensure_roles
from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from cdp.sources import lookup
from cdp.sources.create import create
from cdp.sources.models import Source
from consent.models import Purpose

pytestmark = pytest.mark.django_db


def client_with(*scopes: str, **more: Any) -> Client:
    _, token = create_key("test", scopes, SYSTEM, **more)
    return Client(headers={"authorization": f"Bearer {token}"})


def send(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = json.dumps(body) if body is not None else ""
    answer = client.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def signed_in(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_rest_makes_lists_and_changes_sources() -> None:
    client = client_with("sources:*")
    status, made = send(client, "POST", "sources/", {"name": "shop", "region": "nl"})
    assert status == 201
    assert lookup.by_write_key(made["write_key"])
    assert made["purposes"] == [{"purpose": "operate", "basis": "contract"}]
    status, listed = send(client, "GET", "sources/")
    assert [it["name"] for it in listed["results"]] == ["shop"]
    assert listed["next"] is None
    assert "write_key" not in listed["results"][0]
    assert {"id", "name", "kind"} <= listed["results"][0].keys()
    path = f"sources/{made['id']}/"
    changed = send(client, "PATCH", path, {"enabled": False, "purposes": [{"purpose": "news", "basis": "consent"}]})
    assert changed[1]["enabled"] is False
    assert send(client, "PATCH", path, {"enabled": True}, **{"if-match": '"stale"'})[0] == 412
    status, rotated = send(client, "POST", f"{path}rotate-key/")
    assert lookup.by_write_key(made["write_key"]) is None
    assert lookup.by_write_key(rotated["write_key"])


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "a b"}, "name"), ({"name": "a", "kind": "x"}, "kind"), ({"name": "a", "purposes": []}, "purposes")],
)
def test_rest_names_the_wrong_field(body: dict[str, Any], field: str) -> None:
    status, problem = send(client_with("sources:*"), "POST", "sources/", body)
    assert status == 400
    assert problem["errors"][0]["field"].startswith(field)


def test_rest_denies_what_the_scope_or_the_limit_does() -> None:
    one, _ = create("one", by=SYSTEM)
    two, _ = create("two", by=SYSTEM)
    assert send(client_with("sources:read"), "POST", "sources/", {"name": "x"})[0] == 403
    limited = client_with("sources:*", sources=[one.id])
    assert [it["name"] for it in send(limited, "GET", "sources/")[1]["results"]] == ["one"]
    assert send(limited, "GET", f"sources/{two.id}/")[0] == 404
    assert send(limited, "PATCH", f"sources/{two.id}/", {"enabled": False})[0] == 404
    assert send(limited, "POST", "sources/", {"name": "x"})[0] == 403


def test_the_command_makes_a_source_and_its_purposes() -> None:
    out, err = StringIO(), StringIO()
    call_command("create_source", "shop", "--purpose", "news", "--purpose", "operate", stdout=out, stderr=err)
    found = lookup.by_write_key(out.getvalue().strip())
    assert found is not None
    assert found.purposes == (("news", "consent"), ("operate", "contract"))
    assert "made the purpose news" in err.getvalue()
    assert Purpose.objects.get(key="news").basis == "consent"
    call_command("create_source", "plain", stdout=StringIO(), stderr=StringIO())
    assert Source.objects.get(name="plain").purposes == [{"purpose": "operate", "basis": "contract"}]
    out = StringIO()
    call_command("create_source", "crm", "--kind", "file", stdout=out, stderr=err)
    assert out.getvalue() == ""
    assert "import_file FILE --source crm" in err.getvalue()
    with pytest.raises(CommandError):
        call_command("create_source", "plain", stdout=StringIO(), stderr=StringIO())
    assert Purpose.objects.count() == 2


def test_admin_makes_a_source_and_shows_its_key_once() -> None:
    client = signed_in("admin")
    form = {"name": "till", "kind": "http", "purposes": "operate contract\nnews consent", "priority": 40, "region": "",
            "namespace": "main", "enabled": "on"}  # fmt: skip
    page = client.post("/admin/sources/source/add/", form, follow=True)
    assert page.status_code == 200
    text = page.content.decode()
    key = text.partition("<code>")[2].partition("</code>")[0]
    assert lookup.by_write_key(key), text[:2000]
    source = Source.objects.get(name="till")
    assert source.purposes[1] == {"purpose": "news", "basis": "consent"}
    assert key not in client.get(f"/admin/sources/source/{source.pk}/change/").content.decode()
    assert Pending.objects.filter(entry__action="source.create").count() == 1
    told = client.post("/admin/sources/source/add/", form | {"name": "crm", "kind": "file"}, follow=True)
    assert "Write key of" not in told.content.decode(), "a file needs none"
    bad = client.post("/admin/sources/source/add/", form | {"name": "other", "purposes": "operate"})
    assert "two words" in bad.content.decode()
    client.post("/admin/sources/source/", {"action": "rotate_key", "_selected_action": [str(source.pk)]})
    assert lookup.by_write_key(key) is None


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("analyst", 403), ("compliance", 403)])
def test_only_an_administrator_may_add_sources_in_admin(role: str, status: int) -> None:
    client = signed_in(role)
    assert client.get("/admin/sources/source/").status_code == 200
    assert client.get("/admin/sources/source/add/").status_code == status
