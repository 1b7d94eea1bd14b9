"""Changes and messages live and die with the caller's transaction; each change is drained once."""

import threading
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from cdp import outbox
from cdp.ids import uuid7
from cdp.outbox import Happened
from cdp.outbox.models import Change, Message

db = pytest.mark.django_db


@db
def test_drained_in_order_each_profile_once() -> None:
    a, b, c = uuid7(), uuid7(), uuid7()
    outbox.changed([b, a, b], reason="merge")
    outbox.changed([c, b], reason="consent")
    drained = outbox.drain(100)
    assert list(drained.profiles.items()) == [(b, {"merge", "consent"}), (a, {"merge"}), (c, {"consent"})]
    assert (drained.taken, outbox.drain(100).taken) == (4, 0)


@db
def test_drain_takes_no_more_than_asked() -> None:
    ids = [uuid7() for _ in range(10)]
    outbox.changed(ids, reason="rebuild")
    assert list(outbox.drain(4).profiles) == ids[:4]
    assert Change.objects.count() == 6


@db
def test_a_change_that_was_rolled_back_never_was() -> None:
    with transaction.atomic():
        outbox.changed([uuid7()], reason="merge")
        transaction.set_rollback(True)
    assert outbox.drain(10).taken == 0


@db
def test_a_drain_that_was_rolled_back_can_be_drained_again() -> None:
    id = uuid7()
    outbox.changed([id], reason="merge")
    with transaction.atomic():
        assert list(outbox.drain(10).profiles) == [id]
        transaction.set_rollback(True)
    assert list(outbox.drain(10).profiles) == [id]


@db
def test_what_happened_comes_with_its_facts_in_order() -> None:
    record, name = uuid7(), uuid7()
    first, second = Happened(record, name, 7, '{"a": "\\"}'), Happened(record, name, 5, "{}")
    outbox.happened([first, second])
    outbox.happened([])
    assert outbox.waits()
    assert [it._replace(id=0) for it in outbox.drain(1).events] == [first]
    assert [it._replace(id=0) for it in outbox.drain(9).events] == [second]
    assert not outbox.waits()


@db
def test_messages_keep_topic_key_and_payload() -> None:
    id = uuid7()
    outbox.tell("segment.entered", [(id, {"segment": "1", "rows": 2})])
    outbox.tell("segment.entered", [])
    message = Message.objects.get()
    assert (message.topic, message.key, message.payload) == ("segment.entered", id, {"segment": "1", "rows": 2})


def test_listeners_hear_of_changes_at_commit(clean: None) -> None:
    it = settings.DATABASES["default"]
    with psycopg.connect(
        dbname=it["NAME"], user=it["USER"], password=it["PASSWORD"], host=it["HOST"], port=it["PORT"], autocommit=True
    ) as listener:
        listener.execute("LISTEN cdp_changed")
        with transaction.atomic():
            outbox.changed([uuid7()], reason="merge")
            outbox.changed([uuid7()], reason="merge")
            assert list(listener.notifies(timeout=0.1)) == []
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


def test_many_workers_drain_each_change_once(clean: None) -> None:
    ids = [uuid7() for _ in range(2000)]
    outbox.changed(ids, reason="rebuild")
    drained: list[UUID] = []

    def work() -> None:
        while Change.objects.exists():
            with transaction.atomic():
                drained.extend(outbox.drain(50).profiles)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drained) == sorted(ids)
