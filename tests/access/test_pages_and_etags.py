import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.translation import gettext_lazy
from rest_framework import renderers

from cdp.access.pagination import read_cursor, write_cursor
from cdp.access.problems import Problem
from cdp.access.rendering import JSONRenderer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.doors")]


def walk(client: Client, path: str, limit: int) -> list[object]:
    seen, cursor = [], ""
    while True:
        page = client.get(path, {"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["results"]
        cursor = page["next"]
        if cursor is None:
            return seen
        assert len(page["results"]) == limit


def test_pages_of_a_queryset_hold_every_row_once(client_with: Callable[..., Client]) -> None:
    Group.objects.bulk_create([Group(name=f"g{n:02}") for n in range(17)])
    names = [row["name"] for row in walk(client_with("read"), "/api/v1/groups/", 5)]  # type: ignore[index]
    assert names == sorted(Group.objects.values_list("name", flat=True), reverse=True)


def test_pages_of_any_list(client_with: Callable[..., Client]) -> None:
    assert walk(client_with("read"), "/api/v1/numbers/", 3) == [1, 2, 3, 4, 5, 6, 7]
    assert walk(client_with("read"), "/api/v1/numbers/", 7) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "cursor=x", "cursor=WzFd:abc"])
def test_a_bad_page_is_a_problem(client_with: Callable[..., Client], query: str) -> None:
    response = client_with("read").get(f"/api/v1/numbers/?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Problem):
        read_cursor(write_cursor((1,), "timeline"), "profiles")


def test_etags_save_reading_again_and_prevent_blind_overwriting(client_with: Callable[..., Client]) -> None:
    client = client_with("segments")
    tag = client.get("/api/v1/versioned/")["ETag"]
    unchanged = client.get("/api/v1/versioned/", headers={"if-none-match": f'"other", W/{tag}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert client.get("/api/v1/versioned/", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.patch("/api/v1/versioned/", headers={"if-match": tag}).status_code == 200
    stale = client.patch("/api/v1/versioned/", headers={"if-match": '"other"'})
    assert (stale.status_code, stale["ETag"]) == (412, tag)


def test_json_is_written_as_before_only_faster() -> None:
    """Times end in Z, ids are text; what orjson cannot hold is written all the same."""
    renderer = JSONRenderer()
    content = {
        "at": datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
        "id": UUID(int=1),
        "lazy": gettext_lazy("Yes"),
        3: None,
    }
    assert json.loads(renderer.render(content)) == json.loads(renderers.JSONRenderer().render(content))
    assert json.loads(renderer.render({"big": 2**70})) == {"big": 2**70}
    assert renderer.render(None) == b""
    assert renderer.render({"a": 1}, "application/json; indent=2") == b'{\n  "a": 1\n}'
