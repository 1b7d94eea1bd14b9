"""What processes count adds up in the database, and `/metrics` says it to those who may ask."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.test import Client

from cdp import metrics
from cdp.ids import uuid7
from cdp.operations import reporting, requests
from cdp.operations.models import Process, Series
from tests.people import ALICE

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    metrics.take()


def scrape(**headers: str) -> str:
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_counts_of_many_threads_and_processes_add_up() -> None:
    def work() -> None:
        for n in range(500):
            metrics.DELAY.observe(n % 3, "stored")
            metrics.FAULTS.add(1, "fault")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporting.flush()
    metrics.FAULTS.add(3, "fault")  # another process
    text = scrape()
    assert 'cdp_pipeline_faults_total{kind="fault"} 2003.0' in text
    assert 'cdp_processing_delay_seconds_bucket{le="0.05",stage="stored"} 668.0' in text
    assert 'cdp_processing_delay_seconds_bucket{le="1",stage="stored"} 1336.0' in text
    assert 'cdp_processing_delay_seconds_bucket{le="+Inf",stage="stored"} 2000.0' in text
    assert 'cdp_processing_delay_seconds_sum{stage="stored"} 1996.0' in text


def test_what_could_not_be_written_is_written_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def cursor(self) -> Any:
            raise DatabaseError

    metrics.FAULTS.add(2, "fault")
    metrics.BATCH.observe(0.2)
    with monkeypatch.context() as patch:
        patch.setattr(reporting, "connection", Away())
        with pytest.raises(DatabaseError):
            reporting.flush()
    reporting.flush()
    assert Series.objects.get(name="cdp_pipeline_faults_total").n == 2
    assert Series.objects.get(name="cdp_pipeline_batch_seconds", part="0.25").n == 1


def test_processes_say_that_they_live_and_are_forgotten_when_they_do_not() -> None:
    id = uuid7()
    now = datetime.now(UTC)
    reporting.alive(id, "web", started_at=now, at=now)
    reporting.alive(id, "web", started_at=now, at=now + timedelta(seconds=5))
    text = scrape()
    assert 'cdp_processes{kind="web"} 1.0' in text
    assert 'cdp_processes{kind="beat"} 0.0' in text
    assert 'cdp_process_memory_bytes{kind="web",place="0"}' in text
    assert reporting.forget_ended(now + timedelta(minutes=59)) == 0
    assert reporting.forget_ended(now + timedelta(minutes=61)) == 1
    assert not Process.objects.exists()


def noted(path: str, *, method: str = "GET", status: str = "200", **more: str) -> list[metrics.Sample]:
    requests.note({"PATH_INFO": path, "REQUEST_METHOD": method, **more}, status, 0.0)
    return metrics.HTTP.take()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/track", "/v1/track"),
        ("/v1/batch/", "/v1/batch"),
        (f"/v1/{ALICE.email}", "(none)"),
        ("/static/console/console.css", "/static/"),
        (f"/{ALICE.last}", "(none)"),
    ],
)
def test_routes_are_patterns(path: str, route: str) -> None:
    assert {sample.labels for sample in noted(path)} == {(route, "GET", "200")}


def test_a_method_that_nobody_knows_is_no_label() -> None:
    assert noted("/v1/track", method=ALICE.last)[0].labels == ("/v1/track", "other", "200")


def test_an_application_is_measured_whatever_it_does() -> None:
    def fine(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError(ALICE.email)

    environ = {"PATH_INFO": "/v1/track", "REQUEST_METHOD": "POST"}
    assert requests.measured(fine)(environ, lambda *_: None) == []
    with pytest.raises(RuntimeError):
        requests.measured(broken)(environ, lambda *_: None)
    assert {sample.labels[2] for sample in metrics.HTTP.take()} == {"204", "500"}


def test_the_pattern_of_a_door_and_not_its_path() -> None:
    environ: dict[str, Any] = {}
    Client().get(f"/api/v1/profiles/{uuid4()}/", **{"wsgi.url_scheme": "http"})
    answer = Client().get(f"/api/v1/profiles/{uuid4()}/")
    environ = answer.wsgi_request.META
    assert environ["cdp.route"] == "/api/v1/profiles/<uuid:profile_id>/"
    assert Client().get(f"/{ALICE.email}").wsgi_request.META["cdp.route"] == "(none)"


def test_who_may_scrape(settings: Any) -> None:
    assert Client().get("/metrics").status_code == 200  # this machine itself
    assert Client(REMOTE_ADDR="203.0.113.7").get("/metrics").status_code == 403
    assert Client(headers={"x-forwarded-for": "203.0.113.7"}).get("/metrics").status_code == 403
    settings.METRICS_TOKEN = "known to Prometheus"
    assert Client().get("/metrics").status_code == 401
    assert Client(headers={"authorization": "Bearer wrong"}).get("/metrics").status_code == 401
    far = Client(REMOTE_ADDR="203.0.113.7", headers={"authorization": "Bearer known to Prometheus"})
    assert far.get("/metrics").status_code == 200
