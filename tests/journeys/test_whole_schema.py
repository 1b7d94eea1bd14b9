"""Every operation of the API's description, tried with what the description allows and what it does not (Schemathesis).

No answer of 500 and above, none that is not described, each as its schema and content type say; methods that are not
there, keys that are missing, bodies and parameters that are wrong are refused. CASES widens the search (`make laws`).
"""

import os
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.config import (
    ChecksConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.failures import AcceptedNegativeData, Failure, FailureGroup

from cdp.access.keys import create_key
from cdp.audit import SYSTEM
from cdp.wsgi import application
from tests.groups.conftest import populate_groups
from tests.journeys.inhabited import Ids, inhabit

CASES = int(os.environ.get("CASES", "0"))
EXAMPLES = max(8, CASES)
# What a well-formed request may still be told: the state forbids it, or it speaks of something that is not there.
ACCEPTED = ["2xx", "304", "400", "401", "403", "404", "409", "412", "422", "429"]
SCHEMA = schemathesis.openapi.from_dict(
    SchemaGenerator().get_schema(request=None, public=True),
    config=SchemathesisConfig(
        seed=7 if not CASES else None,
        projects=ProjectsConfig(
            default=ProjectConfig(
                checks=ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=ACCEPTED))
            )
        ),
    ),
)
SCHEMA.app = application
_OTHER_TYPE = re.compile(r"in body.*(Incorrect type|violates `type`)", re.DOTALL)


@pytest.fixture(scope="module")
def ids(clean_module: None) -> Iterator[Ids]:
    """A small world, committed. As with Django's own client, a request does not close the connection it was given."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield inhabit(populate_groups())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def key(ids: Ids) -> str:
    _, token = create_key("test", ["*"], SYSTEM, rate="none")
    return token


def _foreseen(failure: Failure) -> bool:
    """In bodies a number may stand where a text is due, "3" for 3 and "true" for true: fields are read leniently."""
    return isinstance(failure, AcceptedNegativeData) and bool(_OTHER_TYPE.search(failure.message))


def _validate(case: schemathesis.Case, response: schemathesis.Response, headers: dict[str, str]) -> None:
    """Raises what Schemathesis finds amiss."""
    try:
        case.validate_response(response, headers=headers)
    except FailureGroup as found:
        amiss = [failure for failure in found.exceptions if not _foreseen(failure)]
        if amiss:
            raise FailureGroup(amiss, found.message) from None


@SCHEMA.parametrize()
@hypothesis_settings(
    max_examples=EXAMPLES, deadline=None, derandomize=not CASES, database=None, suppress_health_check=list(HealthCheck)
)
def test_nothing_unforeseen(case: schemathesis.Case, ids: Ids, key: str) -> None:
    ids.put_into(case)
    headers = {"Authorization": f"Bearer {key}"}
    with transaction.atomic():  # every request meets the same world
        response = case.call(headers=headers)
        transaction.set_rollback(True)
    _validate(case, response, headers)


OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
CHANGES = [it for it in OPERATIONS if it.method in {"post", "put", "patch"}]
LISTS = [it for it in OPERATIONS if any(parameter.name == "cursor" for parameter in it.query)]
BODIES = {
    "NUL": b'{"name": "a\\u0000b", "a\\u0000b": 1}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a huge number": b'{"id": 1' + b"0" * 400 + b', "value": 1e999}',
    "not a number": b'{"value": NaN}',
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "deep nesting": b'{"rule": ' + b'{"all": [' * 5000 + b"]}" * 5000 + b"}",
    "wide nesting within the parser's limit": b'{"rule": ' + b'{"all": [' * 60 + b"]}" * 60 + b"}",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "half a body": b'{"name": ',
}


def _path(operation: Any, ids: Ids) -> str:
    case = operation.Case(path_parameters={it.name: str(UUID(int=0)) for it in operation.path_parameters})
    ids.made = 0
    ids.put_into(case)
    return str(case.formatted_path)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_is_too_odd(body: bytes, ids: Ids, key: str) -> None:
    client = Client(headers={"authorization": f"Bearer {key}"})
    for operation in CHANGES:
        with transaction.atomic():
            answer = client.generic(operation.method, _path(operation, ids), body, content_type="application/json")
            transaction.set_rollback(True)
        assert answer.status_code < 500, operation.label
        if operation.body:
            assert answer.status_code in {400, 403}, (operation.label, answer.content)
            assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=W10:1:x", "limit=0", "limit=9" * 40, "cursor=%00", "%00=1", "limit=%ff"]
)
def test_no_page_is_too_odd(query: str, ids: Ids, key: str) -> None:
    client = Client(headers={"authorization": f"Bearer {key}"})
    for operation in LISTS:
        answer = client.get(f"{_path(operation, ids)}?{query}")
        assert answer.status_code == 400, operation.label
        assert answer.json()["errors"][0]["remedy"]
