"""The event store: sealing under the record's key, months, timeline, erasure; the inbox keys of days gone by."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from cdp.events import months
from cdp.events.accept import accept
from cdp.events.claim import claim
from cdp.events.holder import Events, sweep_inbox_keys
from cdp.events.models import Event
from cdp.events.reads import timeline
from cdp.events.store import StoredEvent, store
from cdp.ids import uuid7
from cdp.vault import keys
from cdp.vault.models import SystemKey
from tests.events.conftest import Shop
from tests.people import ALICE

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def stored(record: UUID, at: datetime = NOW, **more: Any) -> StoredEvent:
    values: dict[str, Any] = {"facts": {"total": 9.5}, "sealed": {"userId": ALICE.user_id}, "name": uuid7()} | more
    return StoredEvent(uuid7(), record, uuid7(), 2, message=uuid7(), occurred_at=at, received_at=at, **values)


@pytest.mark.django_db
def test_stored_sealed_and_read_again() -> None:
    record, other = uuid7(), uuid7()
    events = [stored(record, NOW + timedelta(minutes=n)) for n in range(3)]
    store([*events, stored(other), stored(record, NOW - timedelta(days=400), name=None)])
    found = timeline([record])
    assert [each.id for each in found][:3] == [each.id for each in reversed(events)]
    assert (found[0].type, found[0].facts, found[0].sealed) == ("track", {"total": 9.5}, {"userId": ALICE.user_id})
    assert found[3].name is None
    assert ALICE.user_id.encode() not in b"".join(bytes(row) for row in Event.objects.values_list("sealed", flat=True))


@pytest.mark.django_db
def test_pages_of_a_timeline_leave_nothing_out() -> None:
    record = uuid7()
    store([stored(record) for _ in range(7)])  # all at the same moment
    seen, before = [], None
    while page := timeline([record], before, 3):
        seen += [each.id for each in page]
        before = (page[-1].occurred_at, page[-1].id)
    assert len(seen) == len(set(seen)) == 7
    assert timeline([record], NOW) == []


@pytest.mark.django_db
def test_a_nul_character_does_not_stop_the_store() -> None:
    record = uuid7()
    store([stored(record, facts={"a\0": ["b\0"]}, sealed={"c": "\0"})])
    (event,) = timeline([record])
    assert (event.facts, event.sealed) == ({"a\ufffd": ["b\ufffd"]}, {"c": "\0"})


@pytest.mark.django_db
def test_erased_events_are_gone_and_forgotten() -> None:
    record, other = uuid7(), uuid7()
    events = [stored(record), stored(other)]
    store(events)
    with connection.cursor() as cursor:
        for event in events:
            cursor.execute("INSERT INTO events_seen VALUES (%s, '2026-03-01')", [event.message])
        assert (Events().find([record]), len(list(Events().export([record])))) == (1, 1)
        assert Events().erase([record]) == 1
        cursor.execute("SELECT digest FROM events_seen")
        assert cursor.fetchall() == [(events[1].message,)]
    assert (timeline([record]), len(timeline([other]))) == ([], 1)


@pytest.mark.django_db
def test_a_destroyed_key_closes_the_remainder_for_ever() -> None:
    record = uuid7()
    store([stored(record)])
    keys.destroy([record])
    assert timeline([record])[0].sealed == {}


def partition_of(event: UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM events_event WHERE id = %s", [event])
        return str(cursor.fetchone()[0])


def test_months_are_made_when_needed_and_rows_moved_there(shop: Shop) -> None:
    months.forget()
    at = datetime(2031, 12, 31, 23, 59, tzinfo=UTC)
    late = stored(uuid7(), at)
    store([late])
    assert partition_of(late.id) == "events_event_default"
    months.ensure([at, at, datetime(1999, 5, 1, tzinfo=UTC)])
    assert partition_of(late.id) == "events_event_2031_12"
    next_month = stored(uuid7(), at + timedelta(minutes=1))
    store([next_month])
    assert partition_of(next_month.id) == "events_event_default"


def test_many_at_once_make_the_same_months(shop: Shop) -> None:
    def make(number: int) -> None:
        months.forget()
        months.ensure([datetime(2041, 1 + month, 5, tzinfo=UTC) for month in range(12)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(12)))
    row = stored(uuid7(), datetime(2041, 12, 5, tzinfo=UTC))
    store([row])
    assert partition_of(row.id) == "events_event_2041_12"


def test_a_claim_makes_the_months_of_its_events(shop: Shop) -> None:
    months.forget()
    event = {"type": "page", "userId": "u", "timestamp": "2017-04-30T12:00:00Z"}
    accept(shop.info, [event], received_at=NOW)
    with transaction.atomic():
        (claimed,) = claim(1)
        row = stored(uuid7(), claimed.occurred_at)
        store([row])
    assert partition_of(row.id) == "events_event_2017_04"


@pytest.mark.django_db
@pytest.mark.parametrize("month", [date(1999, 12, 1), date(2101, 1, 1), None])
def test_only_sensible_months(month: date | None) -> None:
    with connection.cursor() as cursor, pytest.raises(Exception, match="month"):
        cursor.execute("SELECT events_ensure_month(%s)", [month])


def test_the_application_cannot_make_tables_otherwise(shop: Shop) -> None:
    it = settings.DATABASES["default"]
    given = {
        "dbname": it["NAME"],
        "user": it["USER"],
        "password": it["PASSWORD"],
        "host": it["HOST"],
        "port": it["PORT"],
    }
    with psycopg.connect(**given) as application, pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("CREATE TABLE events_event_2001_01 PARTITION OF events_event DEFAULT")


def test_inbox_keys_of_empty_past_days_are_destroyed(shop: Shop) -> None:
    days = [NOW - timedelta(days=n) for n in (0, 1, 2)]
    for n, at in enumerate(days):
        accept(shop.info, [{"type": "page", "userId": "u", "messageId": f"s-{n}"}], received_at=at)
    with transaction.atomic():
        claim(1)  # the oldest row of the inbox: today's
    names = {f"inbox:{at.date()}" for at in days}
    assert sweep_inbox_keys(NOW + timedelta(days=1)) >= 1
    left = names & set(SystemKey.objects.values_list("name", flat=True))
    assert left == names - {f"inbox:{NOW.date()}"}
    with transaction.atomic():
        assert len(claim(10)) == 2
    sweep_inbox_keys(NOW + timedelta(days=1))
    assert not names & set(SystemKey.objects.values_list("name", flat=True))


def test_not_in_the_first_hour_of_a_day(shop: Shop) -> None:
    keys.inbox(date(2026, 3, 5))
    sweep_inbox_keys(datetime(2026, 3, 6, 0, 30, tzinfo=UTC))
    assert SystemKey.objects.filter(name="inbox:2026-03-05").exists()
    sweep_inbox_keys(datetime(2026, 3, 6, 1, 30, tzinfo=UTC))
    assert not SystemKey.objects.filter(name="inbox:2026-03-05").exists()
