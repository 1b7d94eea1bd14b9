"""sources/{id}/runs/: progress and errors; no names of files, no values."""

from uuid import uuid4

import pytest

from cdp.audit import SYSTEM
from cdp.connectors.models import RowError, Run
from cdp.ids import uuid7
from cdp.sources.create import create
from cdp.sources.models import Source
from tests.sources.test_doors import client_with, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db: None) -> Run:
    source, _ = create("till", by=SYSTEM, kind="file")
    run = Run.objects.create(
        id=uuid7(), source_id=source.id, fingerprint=uuid4(), label_sealed=b"x", total=8, position=2, rejected=2
    )
    RowError.objects.bulk_create([RowError(run=run, row=n, column="email", reason="bad_value") for n in (2, 1)])
    return run


def test_runs_and_their_errors(run: Run) -> None:
    client = client_with("sources:read")
    status, page = send(client, "GET", f"sources/{run.source_id}/runs/")
    assert status == 200
    assert page["next"] is None
    assert page["results"][0] == {
        **page["results"][0], "id": str(run.id), "state": "running", "progress": 0.25, "rejected": 2
    }  # fmt: skip
    assert "label" not in str(page)
    assert send(client, "GET", f"sources/{run.source_id}/runs/{run.id}/")[1]["position"] == 2
    status, errors = send(client, "GET", f"sources/{run.source_id}/runs/{run.id}/errors/?limit=1")
    assert errors["results"] == [{"row": 1, "column": "email", "reason": "bad_value"}]
    _, rest = send(client, "GET", f"sources/{run.source_id}/runs/{run.id}/errors/?cursor={errors['next']}")
    assert [it["row"] for it in rest["results"]] == [2]


def test_only_with_the_scope_and_within_the_limits(run: Run) -> None:
    other, _ = create("other", by=SYSTEM)
    path = f"sources/{run.source_id}/runs/"
    assert send(client_with("profiles:read"), "GET", path)[0] == 403
    assert send(client_with("sources:read", sources=[other.id]), "GET", path)[0] == 404
    assert send(client_with("sources:read"), "GET", f"sources/{other.id}/runs/{run.id}/")[0] == 404
    assert send(client_with("sources:read"), "GET", f"sources/{uuid4()}/runs/")[0] == 404
    assert Source.objects.count() == 2
