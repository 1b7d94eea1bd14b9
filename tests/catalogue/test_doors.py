"""The catalogue through REST and admin."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from cdp.audit.models import Pending
from cdp.catalogue import snapshot
from cdp.catalogue.models import Field, Overflow
from cdp.catalogue.observe import observe
from tests.sources.test_doors import client_with, send, signed_in

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _seen(db: None) -> None:
    catalogue = snapshot.current()
    observe(
        [catalogue.split("trait", {"shoeSize": 43, "aliceSecret": "x@example.com"})], NOW, events=["Fitting Booked"]
    )


def listed(client: Client, path: str) -> list[Any]:
    """All pages of a list."""
    found, cursor = [], ""
    while cursor is not None:
        status, page = send(client, "GET", f"{path}?limit=50&cursor={cursor}")
        assert status == 200
        found += page["results"]
        cursor = page["next"]
    return found


def test_rest_lists_declares_and_accepts() -> None:
    client = client_with("catalogue:*")
    fields = listed(client, "catalogue/fields/")
    assert len({(it["scope"], it["name"]) for it in fields}) == len(fields) > 200
    waiting = {it["name"]: it for it in listed(client, "catalogue/undeclared/")}
    assert set(waiting) == {"shoeSize", "aliceSecret", "Fitting Booked"}
    assert waiting["aliceSecret"]["suggested_class"] == "identifying"
    status, made = send(client, "POST", f"catalogue/undeclared/{waiting['shoeSize']['id']}/accept/")
    assert (status, made["data_class"], made["type"]) == (201, "fact", "number")
    assert send(client, "POST", f"catalogue/undeclared/{waiting['shoeSize']['id']}/accept/")[0] == 404
    body = {"scope": "trait", "name": "tier", "type": "text", "data_class": "fact"}
    assert send(client, "POST", "catalogue/fields/", body)[0] == 201
    assert snapshot.current().split("trait", {"tier": "gold", "shoeSize": 1}).facts == {"tier": "gold", "shoeSize": 1}
    status, problem = send(client, "POST", "catalogue/fields/", body | {"name": "email"})
    assert (status, problem["errors"][0]["field"]) == (400, "data_class")


def test_names_of_undeclared_keys_are_for_those_who_declare() -> None:
    reader = client_with("catalogue:read")
    assert {it["name"] for it in listed(reader, "catalogue/undeclared/")} == {None}
    assert send(reader, "POST", "catalogue/fields/", {})[0] == 403
    assert not Pending.objects.filter(entry__action="catalogue.read_undeclared").exists()
    listed(client_with("catalogue:*"), "catalogue/undeclared/")
    assert Pending.objects.filter(entry__action="catalogue.read_undeclared").count() == 1


def test_admin_shows_accepts_and_declares() -> None:
    Overflow.objects.create(scope="trait", keys=7, last_seen=NOW)
    client = signed_in("admin")
    page = client.get("/admin/catalogue/field/").content.decode()
    assert "shoeSize" in page
    assert "aliceSecret" in page
    assert "7 more undeclared keys" in page
    ids = [str(pk) for pk in Field.objects.values_list("pk", flat=True)]
    client.post("/admin/catalogue/field/", {"action": "accept_suggestions", "_selected_action": ids})
    assert snapshot.current().declared("trait", "shoeSize").data_class == "fact"  # type: ignore[union-attr]
    form = {"scope": "trait", "name": "tier", "data_class": "fact", "type": "text", "identifier": "", "purposes": ""}
    client.post("/admin/catalogue/field/add/", form)
    assert snapshot.current().declared("trait", "tier") is not None
    row = Field.objects.get(name="tier")
    client.post(f"/admin/catalogue/field/{row.pk}/change/", form | {"data_class": "identifying"})
    assert snapshot.current().declared("trait", "tier").data_class == "identifying"  # type: ignore[union-attr]
    refused = client.post("/admin/catalogue/field/add/", form | {"name": "phone"}, follow=True).content.decode()
    assert "stays identifying" in refused
    client.post(f"/admin/catalogue/field/{row.pk}/delete/", {"post": "yes"})
    assert snapshot.current().declared("trait", "tier") is None
    assert Pending.objects.filter(entry__action="catalogue.withdraw").count() == 1
    assert "Order Completed" in client.get("/admin/catalogue/field/builtin/").content.decode()


def test_admin_hides_names_from_who_may_only_look() -> None:
    client = signed_in("analyst")
    page = client.get("/admin/catalogue/field/").content.decode()
    assert "aliceSecret" not in page
    assert "(undeclared key)" in page
    pk = Field.objects.filter(scope="trait").first().pk  # type: ignore[union-attr]
    assert "aliceSecret" not in client.get(f"/admin/catalogue/field/{pk}/change/").content.decode()
    assert client.get("/admin/catalogue/field/builtin/").status_code == 200


def test_no_name_in_the_audit_trail_before_it_is_declared() -> None:
    signed_in("admin").get("/admin/catalogue/field/")
    assert "aliceSecret" not in json.dumps(list(Pending.objects.values_list("entry", flat=True)))
