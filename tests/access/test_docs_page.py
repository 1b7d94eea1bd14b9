"""The API's reference: every operation is there, its code is code, its examples fit, and nothing comes from elsewhere."""

import json
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from cdp.access.docs_page import groups
from cdp.access.samples import samples

OPERATIONS = [operation for group in groups() for operation in group.operations]


def test_every_operation_is_on_the_page() -> None:
    description = json.loads(Client().get(reverse("schema"), {"format": "json"}).content)
    described = {it["operationId"] for item in description["paths"].values() for it in item.values()}
    page = Client().get("/api/docs/").content.decode()
    assert {operation.id for operation in OPERATIONS} == described
    assert all(f'<article class="op" id="{id}"' in page for id in described)


def test_every_room_has_a_title_and_prose() -> None:
    assert [group.name for group in groups() if not group.text] == []


def test_nothing_comes_from_elsewhere() -> None:
    answer = Client().get("/api/docs/")
    page = answer.content.decode()
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]*src=)|<style| style=| onclick=", page)


@pytest.mark.parametrize("operation", OPERATIONS, ids=[it.id for it in OPERATIONS])
def test_the_code_of_an_operation_is_code(operation: "object") -> None:
    code = {sample.language: sample.code for sample in operation.samples}  # type: ignore[attr-defined]
    compile(code["python"], "sample", "exec")
    assert "{" not in re.sub(r"-d '.*'", "", code["curl"], flags=re.DOTALL)
    if operation.body:  # type: ignore[attr-defined]
        assert json.loads(operation.body)  # type: ignore[attr-defined]


def test_samples_spell_a_body_as_the_language_does() -> None:
    body = {"enabled": True, "end": None, "list": [False], "text": "it's true, null"}
    code = {it.language: it.code for it in samples("POST", "http://localhost/x/", body, once=True)}
    assert '"enabled": True' in code["python"]
    assert '"end": None' in code["python"]
    assert '"it\'s true, null"' in code["python"]
    compile(code["python"], "sample", "exec")
    assert "it'\\''s true" in code["curl"]
    assert "Idempotency-Key" in code["javascript"]


def test_prose_is_escaped() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert "<record" not in page
    assert "Customer data" in unescape(page)
