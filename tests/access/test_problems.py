import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from cdp.access.logs import formatter

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.doors")]


def check(response: Any, status: int) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.status_code == problem["status"] == status
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "instance", "request_id"} <= problem.keys()
    assert problem["request_id"] == response["X-Request-Id"]
    return problem


def test_every_status_is_a_problem(client_with: Callable[..., Client]) -> None:
    client = client_with("segments")
    check(client.get("/api/v1/nowhere/"), 404)
    check(client.get("/api/else"), 404)
    check(client.delete("/api/v1/open/"), 405)
    check(client.post("/api/v1/open/", "{", content_type="application/json"), 400)
    check(client.post("/api/v1/open/", "<a/>", content_type="text/xml"), 415)
    check(client.get("/api/v1/open/", headers={"accept": "text/csv"}), 406)


def test_validation_names_fields_and_remedies_but_no_values(client_with: Callable[..., Client]) -> None:
    sent = {"email": "alice at example.com", "kind": "alice@example.com", "ids": [str(uuid4()), "Alice Archer"]}
    response = client_with("segments").post("/api/v1/open/", sent, content_type="application/json")
    problem = check(response, 400)
    assert [error["field"] for error in problem["errors"]] == ["email", "kind", "ids.1"]
    assert all(error["remedy"] for error in problem["errors"])
    assert "lice" not in response.content.decode()


def test_a_problem_raised_on_purpose_is_told_as_it_is(client_with: Callable[..., Client]) -> None:
    problem = check(client_with("segments").post("/api/v1/broken/"), 409)
    assert problem["type"].endswith("taken")
    assert problem["errors"] == [{"field": "name", "detail": "It is taken", "remedy": "Choose another."}]


def test_an_unforeseen_error_says_nothing_of_itself(
    client_with: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    response = client_with("segments").get("/api/v1/broken/")
    check(response, 500)
    lines = "\n".join(formatter().format(record) for record in caplog.records)
    assert "RuntimeError" in lines
    assert "alice" not in response.content.decode() + lines


def test_log_lines_are_json_without_exception_texts() -> None:
    try:
        raise ValueError("alice@example.com")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
        record = logging.LogRecord("cdp", logging.ERROR, __file__, 1, "failed for %s", ("id-7",), info)
    line = json.loads(formatter().format(record))
    assert line["event"] == "failed for %s"  # of what others log, the template alone
    assert line["exception"] == "builtins.ValueError"
    assert "alice" not in json.dumps(line)
    assert record.exc_info is not None


def test_a_request_id_is_taken_over_only_if_it_is_a_uuid(client_with: Callable[..., Client]) -> None:
    client, given = client_with("segments"), str(uuid4())
    assert client.get("/api/v1/open/", headers={"x-request-id": given})["X-Request-Id"] == given
    other = client.get("/api/v1/open/", headers={"x-request-id": "alice@example.com"})["X-Request-Id"]
    assert UUID(other).version == 7
