"""The description of the API: valid, complete, open to everyone, and shown without anything from elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from cdp.access.scopes import SCOPES

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def description() -> dict[str, Any]:
    response = Client().get("/api/schema/", headers={"accept": "application/json"})
    assert response.status_code == 200
    parsed: dict[str, Any] = json.loads(response.content)
    return parsed


def test_it_is_valid_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "api.yml"))


def test_it_is_openapi_3_1_in_json_or_yaml(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    assert Client().get("/api/schema/?format=json")["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert b"openapi: 3.1" in Client().get("/api/schema/").content


def test_every_operation_names_scope_sign_in_and_problems(description: dict[str, Any]) -> None:
    schemes = description["components"]["securitySchemes"]
    assert schemes["key"]["scheme"] == "bearer"
    for path, item in description["paths"].items():
        for method in METHODS & item.keys():
            operation = item[method]
            assert operation["x-scope"] in SCOPES, path
            assert {"key": []} in operation["security"], path
            assert {"400", "401", "403", "406", "429"} <= operation["responses"].keys(), path
            problem = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/Problem"}


def test_the_pages_need_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert b"//cdn" not in page.content


@pytest.mark.django_db
@pytest.mark.urls("tests.access.doors")
def test_a_format_in_the_query_means_nothing(client_with: Callable[..., Client]) -> None:
    for asked in ("10367", "json", "html"):
        answer = client_with("segments").get(f"/api/v1/open/?format={asked}")
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), asked
