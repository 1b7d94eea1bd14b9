"""One look after the installation: what it finds, and that it closes what is over."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from cdp.alerts.models import Alert
from cdp.audit import SYSTEM
from cdp.events.store import settle
from cdp.ids import uuid7
from cdp.operations import checks, queues, reporting, watch
from cdp.operations.models import Process
from cdp.sources.create import change, create
from cdp.sources.models import Heard, HeardHour, Source

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


def later(**more: float) -> datetime:
    return NOW + timedelta(**more)


def open_kinds() -> set[str]:
    return set(Alert.objects.all().open().values_list("kind", flat=True))


@pytest.fixture(autouse=True)
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """All else is well: a broker, room on the disk."""
    monkeypatch.setattr(queues, "broker", lambda: {"celery": 0})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: type("U", (), {"free": 9e11, "total": 1e12}))


def running(at: datetime) -> None:
    for kind in Process.Kind.values:
        reporting.alive(uuid7(), kind, started_at=at, at=at)


def sent(source_id: UUID, n: int, rejected: int = 0) -> None:
    settle({(source_id, "accepted"): n, (source_id, "stored"): n - rejected, (source_id, "rejected"): rejected}, slot=0)


def look(at: datetime) -> None:
    running(at)
    watch.at_once(at)


def test_a_source_that_stops_and_starts_again(settings: Any) -> None:
    settings.ALERT_EMAILS = ["ops@example.com"]
    shop, _ = create("shop", by=SYSTEM)
    change(shop, by=SYSTEM, quiet_after=10)
    sent(shop.id, 5)
    look(NOW)
    for minute in range(1, 11):
        look(later(minutes=minute))
    assert open_kinds() == set()
    look(later(minutes=10, seconds=15))
    assert open_kinds() == {"source_quiet"}
    assert len(mail.outbox) == 1
    sent(shop.id, 1)
    look(later(minutes=10, seconds=30))
    assert open_kinds() == set()
    assert len(mail.outbox) == 2


def test_a_muted_or_disabled_source_may_be_silent() -> None:
    for name, more in (("muted", {"muted": True}), ("off", {"enabled": False})):
        source, _ = create(name, by=SYSTEM)
        change(source, by=SYSTEM, quiet_after=1, **more)
        sent(source.id, 5)
    for minute in range(4):
        look(later(minutes=minute))
    assert open_kinds() == set()


def test_rejections_that_jump() -> None:
    shop, _ = create("shop", by=SYSTEM)
    sent(shop.id, 1000)
    look(NOW)
    sent(shop.id, 100, rejected=30)
    look(later(seconds=15))
    assert open_kinds() == {"source_broken"}
    assert "30 of its last 100 events (30%)" in Alert.objects.get().what


def test_the_rhythm_is_kept_by_the_hour() -> None:
    shop, _ = create("shop", by=SYSTEM)
    look(NOW)
    for second, n in ((15, 4), (45, 2), (105, 1)):
        sent(shop.id, n)
        look(later(seconds=second))
    hour = HeardHour.objects.get()
    assert (hour.at, hour.heard, hour.gap) == (NOW, 7, 60.0)


def test_when_nobody_listened_that_is_not_the_sources_silence() -> None:
    shop, _ = create("shop", by=SYSTEM)
    change(shop, by=SYSTEM, quiet_after=10)
    sent(shop.id, 5)
    look(NOW)
    look(later(hours=3))  # the platform was down
    assert open_kinds() == set()
    assert Heard.objects.get().last_at == later(hours=3)


def test_missing_processes_are_named() -> None:
    watch.at_once(NOW)
    assert open_kinds() == set()
    watch.at_once(later(minutes=2))
    assert set(Alert.objects.all().open().values_list("about", flat=True)) == {
        "pipeline",
        "memberships",
        "jobs",
        "beat",
    }
    look(later(minutes=3))
    assert open_kinds() == set()


def test_a_full_disk_and_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "broker", lambda: None)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: type("U", (), {"free": 1e9, "total": 1e12}))
    look(NOW)
    assert open_kinds() == {"disk"}
    look(later(seconds=75))
    assert open_kinds() == {"disk", "broker"}


def test_processing_that_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = dict.fromkeys(("inbox", "changes", "happenings", "messages", "audit"), queues.Waiting(200_000, 30.0))
    monkeypatch.setattr(queues, "waiting", lambda _: behind)
    look(NOW)
    assert open_kinds() == set()
    look(later(minutes=1))
    assert open_kinds() == {"delay", "sequencer"}
    look(later(minutes=5))
    assert open_kinds() == {"delay", "sequencer", "backlog"}


def test_the_queues_are_counted_from_what_is_there() -> None:
    shop, _ = create("shop", by=SYSTEM)
    settle({(shop.id, "accepted"): 9, (shop.id, "stored"): 6, (shop.id, "duplicates"): 1}, slot=0)
    found = queues.waiting(NOW)
    assert found["inbox"].n == 2
    assert found["audit"].n > 0
    assert found["messages"] == queues.Waiting(0, 0.0)


def test_a_source_that_is_gone_takes_its_rhythm_with_it() -> None:
    shop, _ = create("shop", by=SYSTEM)
    sent(shop.id, 1)
    look(NOW)
    Source.objects.all().delete()
    look(later(seconds=15))
    assert not Heard.objects.exists()
