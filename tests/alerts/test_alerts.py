"""Alerts open once a condition lasted, close when it is over, and are told once each way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from cdp.access.keys import create_key
from cdp.access.roles import ensure_roles
from cdp.access.users import create_user
from cdp.alerts.models import Alert, Subscriber
from cdp.alerts.telling import recipients, tell
from cdp.alerts.update import Finding, update
from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from cdp.sources.create import create
from tests.console.conftest import client_with, get, signed_in

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
DISK = Finding("disk", "1 GiB of 100 GiB are free.", "data_dir")
DELAY = Finding("delay", "The oldest that waits has waited for 9 seconds.")
KINDS = ("disk", "delay", "source_quiet")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def see(*findings: Finding, at: datetime = NOW) -> None:
    update(findings, looked_for=KINDS, at=at)
    tell(at=at)


@pytest.fixture(autouse=True)
def to_one(settings: Any) -> None:
    settings.ALERT_EMAILS = ["ops@example.com"]


def test_opens_and_closes_and_is_told_once_each() -> None:
    see(DISK)
    see(DISK, at=later(15))
    assert [len(mail.outbox), mail.outbox[0].to] == [1, ["ops@example.com"]]
    assert "1 alert opened: The disk is nearly full" in mail.outbox[0].subject
    assert "What to do: Make room" in mail.outbox[0].body
    see(at=later(60))
    see(at=later(75))
    assert len(mail.outbox) == 2
    assert "1 alert closed" in mail.outbox[1].subject
    alert = Alert.objects.get()
    assert (alert.opened_at, alert.closed_at) == (NOW, later(60))


def test_what_passes_quickly_is_no_alert() -> None:
    see(DELAY)
    see(DELAY, at=later(45))
    see(at=later(50))
    assert not Alert.objects.exists()
    see(DELAY, at=later(100))
    see(DELAY, at=later(160))
    assert Alert.objects.get().opened_at == later(160)
    assert len(mail.outbox) == 1


def test_a_look_that_failed_closes_nothing() -> None:
    see(DISK)
    update([], looked_for=["delay"], at=later(15))
    assert Alert.objects.all().open().count() == 1


def test_several_at_once_make_one_mail() -> None:
    see(DISK, Finding("source_quiet", "No event since.", "x", "shop"))
    assert len(mail.outbox) == 1
    assert "2 alerts opened" in mail.outbox[0].subject
    assert "A source went quiet: shop" in mail.outbox[0].body


def test_a_mail_server_that_is_away_is_asked_again(settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9,
    )  # fmt: skip
    see(DISK)
    assert Alert.objects.get().told_open_at is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    see(DISK, at=later(15))  # not at once: one that is away takes its time to say nothing
    assert not mail.outbox
    see(DISK, at=later(60))
    assert Alert.objects.get().told_open_at == later(60)
    assert len(mail.outbox) == 1


def test_nobody_to_tell_is_no_reason_to_keep_it_for_later(settings: Any) -> None:
    settings.ALERT_EMAILS = []
    see(DISK)
    assert Alert.objects.get().told_open_at == NOW


def test_who_asked_for_mail_gets_it_until_they_stop() -> None:
    client = signed_in("steward")
    page = client.get("/admin/alerts/alert/")
    assert b"has no e-mail address" in page.content
    user = page.context["user"]
    user.email = "Steward@example.com"
    user.save()
    assert b"E-mail me" in client.get("/admin/alerts/alert/").content
    assert client.get("/admin/alerts/alert/subscribe/").status_code == 405
    client.post("/admin/alerts/alert/subscribe/", {"wanted": "1"})
    assert recipients() == ["ops@example.com", "Steward@example.com"]
    assert Pending.objects.filter(entry__action="alerts.subscribe").count() == 1
    client.post("/admin/alerts/alert/subscribe/", {"wanted": "0"})
    assert not Subscriber.objects.exists()
    user.is_active = False
    user.save()
    Subscriber.objects.create(user=user)
    assert recipients() == ["ops@example.com"]


def test_admin_shows_what_and_what_to_do() -> None:
    see(DISK)
    page = signed_in("admin").get("/admin/alerts/alert/?state=open").content.decode()
    assert "1 GiB of 100 GiB are free." in page
    assert "Make room" in page
    assert "1 GiB" not in signed_in("steward").get("/admin/alerts/alert/?state=closed").content.decode()


def test_home_and_sources_show_what_is_open() -> None:
    source, _ = create("shop", by=SYSTEM)
    see(DISK, Finding("source_quiet", "No event since nine.", str(source.id), "shop"))
    client = signed_in("admin")
    home = client.get("/admin/").content.decode()
    assert "1 GiB of 100 GiB are free." in home
    assert "No event since nine." in client.get("/admin/data/sources/").content.decode()
    see(at=later(15))
    assert "1 GiB" not in client.get("/admin/live/").content.decode()


def test_rest_lists_them_by_state_and_by_source() -> None:
    mine, _ = create("mine", by=SYSTEM)
    other, _ = create("other", by=SYSTEM)
    found = [Finding("source_quiet", "No event.", str(it.id), it.name) for it in (mine, other)]
    see(DISK, *found)
    see(*found, at=later(15))
    client = client_with("sources:read")
    status, answer = get(client, "alerts/")
    assert status == 200
    assert {row["kind"] for row in answer["results"]} == {"disk", "source_quiet"}
    assert [row["kind"] for row in get(client, "alerts/?open=false")[1]["results"]] == ["disk"]
    [row] = [it for it in get(client, "alerts/?open=true")[1]["results"] if it["source"] == str(other.id)]
    assert row["severity"] == "warning"
    assert "mute" in row["remedy"]
    assert get(client, f"alerts/{row['id']}/")[1]["label"] == "other"
    assert get(client, "alerts/?open=perhaps")[0] == 400
    _, token = create_key("limited", ["sources:read"], SYSTEM, sources=[mine.id])
    limited = Client(headers={"authorization": f"Bearer {token}"})
    labels = [row["label"] for row in get(limited, "alerts/?open=true")[1]["results"]]
    assert labels == ["mine"]
    assert get(client_with("segments:read"), "alerts/")[0] == 403


def test_integrations_have_no_page() -> None:
    ensure_roles()
    user, _ = create_user("robot", "integration", by=SYSTEM)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/alerts/alert/").status_code == 302
